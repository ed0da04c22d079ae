"""Croissant 1.1 (MLCommons): files with their hashes, record sets with typed fields, how they were made.

A table of one Parquet file is a record set that loads; one of several has no bytes of a known hash, so it is left out.
"""

from typing import Any, Final

from catalog_svc.standards.description import Description, File, Release, TableDescription, kind_of, unique_names
from catalog_svc.standards.findings import Findings
from catalog_svc.standards.responsible_ai import CONFORMS_TO, responsible_ai

MEDIA_TYPE: Final = "application/ld+json"
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Final = {
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "datetime": "sc:DateTime",
}


def croissant(found: Description, findings: Findings | None = None) -> dict[str, Any]:
    """Return the Croissant document, with what checks have found in the words of responsible AI."""
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", CONFORMS_TO],
        "name": found.title,
        "description": found.text,
        "url": found.url,
        "datePublished": found.issued.isoformat(),
        "dateModified": found.modified.isoformat(),
        "publisher": {"@type": "sc:Organization", "name": found.publisher.name, "url": _home(found)},
        "creator": _creators(found),
        "citeAs": f"{'; '.join(found.creator_names)}: {found.title}. {found.publisher.name}. {found.cited_as}",
        "inLanguage": list(found.languages) or None,
        **responsible_ai(found, findings or Findings()),
    }
    document = {name: value for name, value in document.items() if value is not None}
    if found.licence_url:
        document["license"] = found.licence_url
    if found.tags:
        document["keywords"] = list(found.tags)
    if found.release is None:
        return document
    tables = [table for table in found.release.tables if table.parquet.sha256]
    names = unique_names([table.name for table in tables])
    document |= {
        "version": f"{found.release.number}.0.0",
        "rai:dataCollectionRawData": f"{found.release.original.name}, as the institution published it",
        "rai:dataPreprocessingProtocol": [_made(found, found.release)],
        "distribution": [_original(found.release.original), *(_file(table) for table in tables)],
        "recordSet": [_records(table, name) for table, name in zip(tables, names, strict=True) if table.columns],
    }
    return document


def _made(found: Description, release: Release) -> str:
    report = f"{found.url.rpartition('/datasets/')[0]}/versions/{release.version_id}/report"
    return f"Tables were extracted and typed by {release.handler}; every repair is listed in {report}"


def _creators(found: Description) -> Any:
    if not found.creators:
        return {"@type": "sc:Organization", "name": found.publisher.name, "url": _home(found)}
    return [
        {"@type": "sc:Organization" if creator.organization else "sc:Person", "name": creator.name}
        | ({"url": creator.identifier} if creator.identifier else {})
        for creator in found.creators
    ]


def _home(found: Description) -> str:
    return found.publisher.homepage or found.publisher.url


def _original(original: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "original",
        "name": original.name,
        "description": "The file as it was published",
        "contentUrl": original.url,
        "contentSize": f"{original.size_bytes} B",
        "encodingFormat": original.media_type,
        "sha256": original.sha256,
    }


def _file(table: TableDescription) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{table.table_id}.parquet",
        "name": table.parquet.name,
        "description": f"{table.name}: {table.row_count} rows as Parquet",
        "contentUrl": table.parquet.url,
        "contentSize": f"{table.parquet.size_bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": table.parquet.sha256,
    }


def _records(table: TableDescription, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": str(table.table_id),
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.table_id}/{column.position}",
                "name": column.name,
                "description": table.means(column) or column.source_name or column.name,
                "dataType": _TYPES.get(kind_of(column), "sc:Text"),
                "source": {"fileObject": {"@id": f"{table.table_id}.parquet"}, "extract": {"column": column.name}},
            }
            for column in table.columns
        ],
    }
