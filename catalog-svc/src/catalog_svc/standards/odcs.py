"""A data contract (ODCS 3.1) drafted from what a version is: its schema, and what its profile says of each column.

A draft: it says what held, and people decide what is to hold. The contract that they defined is served in its place.
"""

from typing import Any, Final

from catalog_svc.standards.description import Description, TableDescription, kind_of, unique_names
from catalog_svc.standards.findings import ColumnFinding, Findings
from dataplatform.events.base import Column

_TYPES: Final = {
    "integer": "integer", "number": "number", "boolean": "boolean", "date": "date", "datetime": "timestamp",
    "time": "time", "string": "string",
}  # fmt: skip


def odcs(found: Description, findings: Findings) -> dict[str, Any]:
    """Return the draft; it is valid against the standard's JSON Schema."""
    tables = found.release.tables if found.release else ()
    names = unique_names([table.name for table in tables])
    document: dict[str, Any] = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": str(found.dataset_id),
        "name": found.title,
        "version": f"{found.release.number if found.release else 0}.0.0",
        "status": "draft",
        "tenant": found.publisher.slug,
        "description": {"purpose": found.text},
        "servers": [{"server": "catalog", "type": "api", "location": found.url}],
    }
    if found.tags:
        document["tags"] = list(found.tags)
    if found.licence:
        document["description"]["limitations"] = f"Licence: {found.licence}"
    if found.contact is not None and (reach := found.contact.url or found.contact.email):
        address = reach if reach.startswith("http") else f"mailto:{reach}"
        document["support"] = [{"channel": found.contact.name or "contact", "url": address}]
    if tables:
        document["schema"] = [
            _table(table, name, findings.columns.get(table.table_id, {}))
            for table, name in zip(tables, names, strict=True)
        ]
    if found.frequency:
        document["slaProperties"] = [{"property": "frequency", "value": found.frequency}]
    document["contractCreatedTs"] = found.modified.isoformat()
    return document


def _table(table: TableDescription, name: str, seen: Any) -> dict[str, Any]:
    rows = {
        "type": "library",
        "metric": "rowCount",
        "mustBeGreaterThan": 0,
        "dimension": "coverage",
        "severity": "error",
    }
    made: dict[str, Any] = {"name": name, "logicalType": "object", "physicalType": "table"}
    if table.columns:
        made["properties"] = [
            _column(column, table.means(column), seen.get(column.position)) for column in table.columns
        ]
    if table.row_count:
        made["quality"] = [rows]
    return made


def _column(column: Column, meaning: str | None, seen: ColumnFinding | None) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "physicalType": column.type}
    if logical := _TYPES.get(kind_of(column)):
        made["logicalType"] = logical
    if column.source_name and column.source_name != column.name:
        made["businessName"] = column.source_name
    if meaning:
        made["description"] = meaning
    if seen is None:
        return made
    if seen.count and not seen.nulls:
        made["required"] = True
    if seen.unique:
        made["unique"] = True
    if seen.personal:
        made["classification"] = "restricted" if seen.special else "confidential"
        made["tags"] = ["personal", seen.personal]
    if seen.count and seen.nulls:
        made["quality"] = [_completeness(seen)]
    return made


def _completeness(seen: ColumnFinding) -> dict[str, Any]:
    # upwards to a whole per cent: a contract that the very version breaks would help nobody
    percent = -(-100 * seen.nulls // (seen.nulls + seen.count))
    return {
        "type": "library",
        "metric": "nullValues",
        "mustBeLessOrEqualTo": percent,
        "unit": "percent",
        "dimension": "completeness",
        "severity": "warning",
    }
