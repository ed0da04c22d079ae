"""Whether a table keeps its rules: what each kind of rule asks of the engine, and what the answer means.

Rules that look at one row at a time are counted together in one scan. SQL that people wrote is run in `sql`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from dataplatform.engine import EngineLimits
from quality_svc.checks.rows import literal, quoted, unique_names
from quality_svc.rules.model import (
    Freshness,
    RefersTo,
    RowCount,
    Rule,
    RuleResult,
    Sample,
    SqlAssertion,
    Surroundings,
    Unique,
)
from quality_svc.rules.scopes import SCOPES, row_scope
from quality_svc.rules.sql import SAMPLE_CHARACTERS, SAMPLE_ROWS, ask
from quality_svc.rules.table import Column, RefusedError, Table

_NOWHERE: Final = Surroundings()
_TEMPORAL: Final = ("DATE", "TIMESTAMP")


def evaluate(
    rule: Rule, parts: Sequence[Path], limits: EngineLimits, surroundings: Surroundings = _NOWHERE
) -> RuleResult:
    """Return whether the table keeps the rule."""
    return evaluate_all([rule], parts, limits, surroundings)[0]


def evaluate_all(
    rules: Sequence[Rule], parts: Sequence[Path], limits: EngineLimits, surroundings: Surroundings = _NOWHERE
) -> tuple[RuleResult, ...]:
    """Return whether the table keeps each of the rules, in their order. Raises `duckdb.Error` if it is unreadable."""
    with Table(parts, limits) as table:
        _count_together(rules, table)
        return tuple(evaluated(rule, table, surroundings) for rule in rules)


def _count_together(rules: Sequence[Rule], table: Table) -> None:
    """Count what all rules over single rows need in one scan; what fails is asked again, rule by rule."""
    wanted = []
    for rule in rules:
        try:
            scope = row_scope(rule, table)
        except RefusedError:
            continue
        wanted += [] if scope is None else scope.counts
    try:
        table.rows.counts(wanted)
    except duckdb.Error:
        return


def evaluated(rule: Rule, table: Table, surroundings: Surroundings) -> RuleResult:
    """Return whether an open table keeps a rule."""
    base = {"rule_id": rule.id, "kind": rule.kind, "name": rule.name, "severity": rule.severity}
    columns = tuple([rule.column] if hasattr(rule, "column") else getattr(rule, "columns", ()))
    return concluded({**base, "columns": columns}, lambda: _EVALUATORS[type(rule)](rule, table, surroundings))


def concluded(base: dict[str, Any], find: Callable[[], dict[str, Any]]) -> RuleResult:
    """Return the result of `find`, or what its error means; `base` says whose result it is."""
    try:
        found = find()
    except RefusedError as refused:
        found = {"reason": refused.code, "detail": refused.detail}
        found |= {"state": "failed", "evaluated": 1, "failed": 1} if refused.failed else {"state": "not_evaluated"}
    except duckdb.OutOfMemoryException:
        found = {"state": "not_evaluated", "reason": "memory_limit_exceeded", "detail": "it needs too much memory"}
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.BinderException) as error:
        # a pattern that is none, a comparison that the type does not know
        found = {"state": "not_evaluated", "reason": "not_applicable", "detail": str(error).partition("\n")[0][:500]}
    return RuleResult.model_validate({**base, **found})


def _by_row(rule: Rule, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    scope = row_scope(rule, table)
    if scope is None:
        raise TypeError(rule.kind)
    evaluated, failed = table.rows.counts(scope.counts)
    return counted(table, (evaluated, failed), scope.bad, scope.columns, rule.tolerance)


def counted(
    table: Table, counts: tuple[int, int], bad: str, columns: Sequence[Column], tolerance: float = 0.0
) -> dict[str, Any]:
    """Return the result of a count of rows looked at and rows that are `bad`, with query and samples of those."""
    looked, failed = counts
    state = "failed" if failed > tolerance * looked else "passed"
    found: dict[str, Any] = {"state": state, "evaluated": looked, "failed": failed}
    if failed:
        row = quoted(table.rows.row)
        name = literal(columns[0].name) if len(columns) == 1 else "NULL"
        found["query"] = f'SELECT {row} AS "row", {name}::VARCHAR AS "column" FROM data WHERE {bad} ORDER BY 1'
        found["samples"] = _samples(table, f"FROM data WHERE {bad} ORDER BY {row}", columns)
    return found


def _samples(table: Table, rest: str, columns: Sequence[Column]) -> list[Sample]:
    shown = ", ".join(f"left({column.sql}::VARCHAR, {SAMPLE_CHARACTERS})" for column in columns)
    rows = table.rows.fetch(f"SELECT {quoted(table.rows.row)}, {shown} {rest} LIMIT {SAMPLE_ROWS}")
    return [
        Sample(row=row[0], values=dict(zip((column.name for column in columns), row[1:], strict=True))) for row in rows
    ]


def _unique(rule: Unique, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    columns = [table.column(name) for name in rule.columns]
    keys = ", ".join(column.sql for column in columns)
    present = " AND ".join(f"{column.sql} IS NOT NULL" for column in columns)
    # every row of a key that occurs again is a failure: which of them is wrong, no rule can know
    grouped = f"SELECT count(*) AS n FROM {table.rows.source} WHERE {present} GROUP BY {keys}"
    evaluated, failed = table.rows.session.execute(
        f"SELECT coalesce(sum(n), 0)::BIGINT, coalesce(sum(CASE WHEN n > 1 THEN n END), 0)::BIGINT FROM ({grouped})"
    ).fetchall()[0]
    again = f"SELECT {keys} FROM data WHERE {present} GROUP BY {keys} HAVING count(*) > 1"
    return counted(table, (evaluated, failed), f"({keys}) IN ({again})", columns, rule.tolerance)


def _reference(rule: RefersTo, table: Table, surroundings: Surroundings) -> dict[str, Any]:
    parts = surroundings.tables.get(rule.table)
    if parts is None:
        raise RefusedError("table_not_at_hand", f"table {rule.table!r} is not at hand")
    if len(rule.columns) != len(rule.to_columns):
        raise RefusedError("not_applicable", "the rule names columns that do not pair")
    columns = [table.column(name) for name in rule.columns]
    with Table(parts, table.limits) as other:
        targets = [other.column(name) for name in rule.to_columns]
        source = other.rows.source.replace(" AS data(", " AS referred(")
    present = " AND ".join(f"{column.sql} IS NOT NULL" for column in columns)
    pairs = " AND ".join(
        f"referred.{target.sql}::VARCHAR = data.{column.sql}::VARCHAR"
        for column, target in zip(columns, targets, strict=True)
    )
    bad = f"{present} AND NOT EXISTS (SELECT 1 FROM {source} WHERE {pairs})"
    named = bad.replace(source, f"{quoted(rule.table)} AS referred")
    evaluated = table.rows.fetch(f"SELECT count(*) FROM data WHERE {present}")[0][0]
    failed = table.rows.fetch(f"SELECT count(*) FROM data WHERE {bad}")[0][0]
    found = counted(table, (evaluated, failed), bad, columns, rule.tolerance)
    if "query" in found:
        found["query"] = found["query"].replace(bad, named)  # where the other table's files are is nobody's business
    return found


def _row_count(rule: RowCount, table: Table, _surroundings: Surroundings) -> dict[str, Any]:
    rows = table.row_count
    low, high = rule.minimum, rule.maximum
    kept = (low is None or rows >= low) and (high is None or rows <= high)
    detail = "" if kept else f"{rows} rows, expected {_between(low, high)}"
    return {"state": "passed" if kept else "failed", "evaluated": 1, "failed": int(not kept), "detail": detail}


def _between(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"{low} to {high}"


def _freshness(rule: Freshness, table: Table, surroundings: Surroundings) -> dict[str, Any]:
    column = table.column(rule.column)
    if not column.type.startswith(_TEMPORAL):
        raise RefusedError("not_applicable", f"column {column.name!r} holds no dates")
    if surroundings.reference_time is None:
        raise RefusedError("no_reference_time", "an age needs a time to be measured at")
    newest = f"max(CASE WHEN isfinite({column.sql}) THEN {column.sql} END)::TIMESTAMP"
    found: datetime | None = table.rows.session.execute(f"SELECT {newest} FROM {table.rows.source}").fetchall()[0][0]
    if found is None:
        raise RefusedError("no_values", f"column {column.name!r} holds no date")
    now = surroundings.reference_time.astimezone(UTC).replace(tzinfo=None)
    age = (now - found).total_seconds()
    kept = age <= rule.max_age_seconds
    detail = f"the newest value is {age:.0f} s old, at most {rule.max_age_seconds:.0f} s are allowed"
    return {"state": "passed" if kept else "failed", "evaluated": 1, "failed": int(not kept), "detail": detail}


def _sql(rule: SqlAssertion, table: Table, surroundings: Surroundings) -> dict[str, Any]:
    tables = {**surroundings.tables, "data": table.parts}
    answer = ask(rule.query, tables, table.limits, rule.seconds, one_value=rule.condition is not None)
    if answer.code is not None:
        raise RefusedError(answer.code, answer.detail)
    if rule.condition is not None:
        kept = rule.condition.holds(answer.value)
        detail = "" if kept else f"the query answered {str(answer.value)[:SAMPLE_CHARACTERS]}"
        return {"state": "passed" if kept else "failed", "evaluated": 1, "failed": int(not kept), "detail": detail}
    rows = table.row_count
    failed = answer.count > rule.tolerance * rows
    names = unique_names(answer.columns)
    samples = [_sample(names, row, table.rows.row) for row in answer.rows]
    return {
        "state": "failed" if failed else "passed",
        "evaluated": max(rows, answer.count),
        "failed": answer.count,
        "query": rule.query if answer.count else None,
        "samples": samples,
    }


def _sample(names: Sequence[str], row: Sequence[Any], number: str) -> Sample:
    values = dict(zip(names, row, strict=True))
    found = values.pop(number, None)
    return Sample(row=found if isinstance(found, int) else None, values=values)


_EVALUATORS: Final[dict[type, Callable[[Any, Table, Surroundings], dict[str, Any]]]] = {
    **dict.fromkeys(SCOPES, _by_row),
    Unique: _unique,
    RefersTo: _reference,
    RowCount: _row_count,
    Freshness: _freshness,
    SqlAssertion: _sql,
}
