"""Demands that are no rule of `quality_svc.rules`: types, the library's metrics, lists, zones, ages."""

from datetime import UTC, timedelta
from typing import Any

from quality_svc.checks.rows import literal, quoted
from quality_svc.contracts.demands import AgeDemand, ListDemand, MetricDemand, TypeDemand, ZoneDemand
from quality_svc.contracts.types import type_test
from quality_svc.rules.evaluation import counted
from quality_svc.rules.model import Surroundings
from quality_svc.rules.table import Column, RefusedError, Table


def types(demand: TypeDemand, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    """Judge the type of a column: texts and doubles value by value, other types as such.

    Another type that tells the same without loss (an integer where text was declared) is a warning.
    """
    column = table.column(demand.column)
    test = type_test(demand.logical, column.type, column.sql, demand.format)
    if test.bad is not None:
        found = _cells(table, column, test.bad)
        note = {"detail": f"held as {column.type}"} if test.converted and found["state"] == "passed" else {}
        return {**found, **note, "columns": (column.name,)}
    kept: dict[str, Any] = {"columns": (column.name,), "evaluated": 1}
    if test.fits:
        return {**kept, "state": "passed", "failed": 0}
    milder = {"severity": "warning"} if test.converted else {}
    detail = f"the column is of type {column.type}, declared is {demand.logical}"
    return {**kept, **milder, "state": "failed", "failed": 1, "reason": "type_mismatch", "detail": detail}


def different(demand: ListDemand, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    """Judge whether the elements of each list are different."""
    column = table.column(demand.column)
    if not column.type.endswith("]"):
        raise RefusedError("not_applicable", f"column {column.name!r} holds no lists")
    return _cells(table, column, f"len({column.sql}) <> len(list_distinct({column.sql}))")


def zone(demand: ZoneDemand, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    """Judge whether times have a zone as declared."""
    column = table.column(demand.column)
    if not column.type.startswith("TIMESTAMP"):
        raise RefusedError("not_applicable", f"column {column.name!r} is no timestamp")
    kept = column.type.endswith("WITH TIME ZONE") == demand.zoned
    return {"columns": (column.name,), "state": "passed" if kept else "failed", "evaluated": 1, "failed": int(not kept)}


def ages(demand: AgeDemand, table: Table, surroundings: Surroundings) -> dict[str, Any]:
    """Judge whether any date is older than may be kept."""
    column = table.column(demand.column)
    if not column.type.startswith(("DATE", "TIMESTAMP")):
        raise RefusedError("not_applicable", f"column {column.name!r} holds no dates")
    if surroundings.reference_time is None:
        raise RefusedError("no_reference_time", "an age needs a time to be measured at")
    oldest = (surroundings.reference_time.astimezone(UTC) - timedelta(seconds=demand.seconds)).replace(tzinfo=None)
    return _cells(table, column, f"{column.sql}::TIMESTAMP < TIMESTAMP '{oldest.isoformat(sep=' ')}'")


def metric(demand: MetricDemand, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    """Judge a metric of the standard's library.

    duplicateValues counts rows that repeat the values of an earlier one; rows with a null among them are not compared.
    invalidValues looks at values only, not at nulls. Percent is of all rows.
    """
    rows = table.row_count
    columns = [table.column(name) for name in demand.columns]
    if demand.metric == "rowCount":
        found: dict[str, Any] = {"evaluated": 1}
        value: float = rows
    else:
        bad = _duplicates(table, columns) if demand.metric == "duplicateValues" else _bad(demand, columns[0])
        count = table.rows.fetch(f"SELECT count(*) FROM data WHERE {bad}")[0][0]
        found = counted(table, (rows, count), bad, columns, tolerance=1.0)
        value = count
    if demand.percent:
        if not rows:
            raise RefusedError("no_rows", "a share of no rows is not defined")
        value = 100 * value / rows
    kept = demand.condition.holds(value)
    detail = "" if kept else f"{demand.metric} is {value:g}{' %' if demand.percent else ''}"
    failed = {"failed": int(not kept)} if demand.metric == "rowCount" else {}
    names = tuple(column.name for column in columns)
    return {**found, **failed, "columns": names, "state": "passed" if kept else "failed", "detail": detail}


def _bad(demand: MetricDemand, column: Column) -> str:
    text = f"{column.sql}::VARCHAR"
    if demand.metric == "nullValues":
        return f"{column.sql} IS NULL"
    if demand.metric == "missingValues":
        missing = demand.arguments.get("missingValues", [None, ""])
        tests = [f"{column.sql} IS NULL"] if None in missing else []
        listed = ", ".join(literal(_text(value)) for value in missing if value is not None)
        tests += [f"coalesce({text} IN ({listed}), false)"] if listed else []
        return f"({' OR '.join(tests) or 'false'})"
    tests = []
    if "validValues" in demand.arguments:
        listed = ", ".join(literal(_text(value)) for value in demand.arguments["validValues"] if value is not None)
        tests.append(f"{text} NOT IN ({listed})" if listed else "true")
    if "pattern" in demand.arguments:
        tests.append(f"NOT regexp_full_match({text}, {literal(demand.arguments['pattern'])})")
    return f"({column.sql} IS NOT NULL AND coalesce({' OR '.join(tests)}, false))"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _duplicates(table: Table, columns: list[Column]) -> str:
    row = quoted(table.rows.row)
    keys = ", ".join(column.sql for column in columns)
    present = " AND ".join(f"{column.sql} IS NOT NULL" for column in columns)
    repeats = (
        f"SELECT {row} FROM data WHERE {present} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {row}) > 1"
    )
    return f"{row} IN ({repeats})"


def _cells(table: Table, column: Column, bad: str) -> dict[str, Any]:
    """Count the non-null cells that are bad."""
    wrong = f"({column.sql} IS NOT NULL AND coalesce({bad}, false))"
    counts = table.rows.counts([f"count({column.sql})", f"count(CASE WHEN {wrong} THEN 1 END)"])
    return counted(table, (counts[0], counts[1]), wrong, [column])
