"""CSV on the Web (W3C): the tables as CSV with their columns and datatypes."""

from typing import Any, Final

from catalog_svc.standards.description import Description, kind_of

_TYPES: Final = {
    "integer": "integer",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "object": "json",
}


def csvw(found: Description) -> dict[str, Any]:
    """Return the table group."""
    tables = found.release.tables if found.release else ()
    document: dict[str, Any] = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "@id": found.url,
        "dc:title": found.title,
        "dc:description": found.text,
        "dc:publisher": found.publisher.name,
        "dc:modified": found.modified.date().isoformat(),
        "dcat:keyword": list(found.tags),
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": True},
        "tables": [
            {
                "url": table.csv.url,
                "dc:title": table.name,
                "tableSchema": {
                    "columns": [
                        {
                            "titles": column.name,
                            "datatype": _TYPES.get(kind_of(column), "string"),
                            **({"dc:description": meaning} if (meaning := table.means(column)) else {}),
                        }
                        for column in table.columns
                    ]
                },
            }
            for table in tables
        ],
    }
    if found.licence_url:
        document["dc:license"] = {"@id": found.licence_url}
    return document
