"""Frictionless `datapackage.json`: the tables as CSV resources with their Table Schema."""

import re
from typing import Any, Final

from catalog_svc.standards.description import Description, TableDescription, kind_of, unique_names
from dataplatform.events.base import Column

_TYPES: Final = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "object": "any",
}


def datapackage(found: Description) -> dict[str, Any]:
    """Return the data package; a dataset without a version has no resource, which a package must have: None of it."""
    tables = found.release.tables if found.release else ()
    names = unique_names([_name(table.name) for table in tables])
    document: dict[str, Any] = {
        "profile": "tabular-data-package",
        "name": f"{found.publisher.slug}-{found.slug}",
        "id": str(found.dataset_id),
        "title": found.title,
        "description": found.text,
        "homepage": found.url,
        "created": found.issued.isoformat(),
        "keywords": list(found.tags),
        "contributors": _contributors(found),
        "resources": [_resource(table, name) for table, name in zip(tables, names, strict=True)],
    }
    if found.release:
        document["version"] = f"{found.release.number}.0.0"
        document["sources"] = [{"title": found.release.original.name, "path": found.release.original.url}]
    if found.landing_page:
        document["homepage"] = found.landing_page
    if found.licence:
        path = {"path": found.licence_url} if found.licence_url else {}
        document["licenses"] = [{"name": re.sub(r"[^-a-zA-Z0-9._]+", "-", found.licence), **path}]
    if details := _details(found):
        document["dataplatform"] = details
    return document


def _details(found: Description) -> dict[str, Any]:
    """Return what a data package has no words for, so that it is not lost on the way from here to here."""
    said = {
        "licence": found.licence,
        "update_frequency": found.frequency,
        "languages": list(found.languages),
        "themes": list(found.themes),
        "spatial": found.spatial and found.spatial.model_dump(mode="json", exclude_none=True),
        "temporal": found.temporal and found.temporal.model_dump(mode="json", exclude_none=True),
        "doi": found.doi,
    }
    return {name: value for name, value in said.items() if value}


def _contributors(found: Description) -> list[dict[str, str]]:
    made = [{"title": found.publisher.name, "role": "publisher"}]
    people = [(creator, "author") for creator in found.creators]
    for person, role in people + ([(found.contact, "maintainer")] if found.contact else []):
        said = {"title": person.name, "email": person.email, "path": person.identifier or person.url, "role": role}
        if role == "author":
            said["organization"] = person.name if person.organization else None
        made.append({name: value for name, value in said.items() if value})
    return made


def _resource(table: TableDescription, name: str) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "title": table.name,
        "path": table.csv.url,
        "scheme": "http",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {"fields": [_field(column, table.means(column)) for column in table.columns]},
    }


def _field(column: Column, meaning: str | None) -> dict[str, Any]:
    found = {"name": column.name, "type": _TYPES.get(kind_of(column), "string")}
    if meaning:
        found["description"] = meaning
    if column.source_name and column.source_name != column.name:
        found["title"] = column.source_name
    if found["type"] in {"datetime", "time"}:
        found["format"] = "any"
    return found


def _name(text: str) -> str:
    """Return a name as the standard has it: lower case, digits, and `.`, `_`, `-`."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-") or "table"
