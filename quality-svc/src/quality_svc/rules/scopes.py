"""Rules over single rows as SQL: which rows a rule is about, and which of them break it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from quality_svc.checks.rows import literal
from quality_svc.profile.kinds import INTEGERS
from quality_svc.rules.model import (
    HasLength,
    InRange,
    InSet,
    Matches,
    MultipleOf,
    NotNull,
    Rule,
)
from quality_svc.rules.table import Column, RefusedError, Table

_TEMPORAL: Final = ("DATE", "TIMESTAMP")


@dataclass(frozen=True, slots=True)
class RowScope:
    """A rule over single rows: which are looked at, which of those break it, and which column is to blame."""

    scope: str
    bad: str
    columns: tuple[Column, ...]

    @property
    def counts(self) -> list[str]:
        """Return the aggregates for the rows looked at and those that break the rule."""
        return [f"count(CASE WHEN {self.scope} THEN 1 END)", f"count(CASE WHEN {self.bad} THEN 1 END)"]


def row_scope(rule: Rule, table: Table) -> RowScope | None:
    """Return the scope of a rule over single rows, None for the others; raises `RefusedError`."""
    made = SCOPES.get(type(rule))
    if made is None:
        return None
    column = table.column(rule.column)  # type: ignore[union-attr]
    present = f"{column.sql} IS NOT NULL"
    if isinstance(rule, NotNull):
        return RowScope("true", f"{column.sql} IS NULL", (column,))
    return RowScope(present, f"({present} AND coalesce({made(rule, column, table)}, false))", (column,))


def _outside(rule: InRange, column: Column, table: Table) -> str:
    tests = []
    bounds = (
        (rule.minimum, "<"),
        (rule.maximum, ">"),
        (rule.exclusive_minimum, "<="),
        (rule.exclusive_maximum, ">="),
    )
    for bound, comparison in bounds:
        if bound is not None:
            tests.append(f"{column.sql} {comparison} {_bound(bound, column, table)}")
    return " OR ".join(tests) or "false"


def _bound(bound: object, column: Column, table: Table) -> str:
    """Return a bound as a value of the column's type; raises `RefusedError` where it is none."""
    if isinstance(bound, int | float) and not isinstance(bound, bool):
        if column.type in {"VARCHAR", "BOOLEAN", "BLOB"} or column.type.startswith(("DATE", "TIME", "STRUCT", "MAP")):
            raise RefusedError("not_applicable", f"column {column.name!r} is no number")
        return literal(bound)
    # the bounds of a wide type may not fit a narrow one, which then keeps them all
    numeric = "HUGEINT" if column.type in INTEGERS else "DOUBLE" if column.type.startswith("DECIMAL") else column.type
    text = f"TRY_CAST({literal(str(bound))} AS {numeric})"
    if table.rows.session.execute(f"SELECT {text} IS NULL").fetchall()[0][0]:
        raise RefusedError("not_applicable", f"a bound is no value of column {column.name!r} ({column.type})")
    return text


def _foreign(rule: InSet, column: Column, _table: Table) -> str:
    if not rule.values:
        return "true"
    if column.type == "VARCHAR" or all(isinstance(value, str) for value in rule.values):
        shown = ", ".join(literal(_text(value)) for value in rule.values)
        return f"{column.sql}::VARCHAR NOT IN ({shown})"
    return f"{column.sql} NOT IN ({', '.join(literal(value) for value in rule.values)})"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unmatched(rule: Matches, column: Column, _table: Table) -> str:
    return f"NOT regexp_full_match({column.sql}::VARCHAR, {literal(rule.pattern)})"


def _length(rule: HasLength, column: Column, _table: Table) -> str:
    if column.type.endswith("]"):
        length = f"len({column.sql})"
    elif column.type.startswith("MAP("):
        length = f"cardinality({column.sql})"
    else:
        length = f"octet_length({column.sql})" if column.type == "BLOB" else f"length({column.sql}::VARCHAR)"
    tests = [f"{length} < {rule.minimum}"] if rule.minimum is not None else []
    tests += [f"{length} > {rule.maximum}"] if rule.maximum is not None else []
    return " OR ".join(tests) or "false"


def _remainder(rule: MultipleOf, column: Column, _table: Table) -> str:
    # a double is a multiple where the quotient is within rounding of an integer
    quotient = f"({column.sql}::DOUBLE / {rule.divisor!r})"
    return f"NOT isfinite({quotient}) OR abs({quotient} - round({quotient})) > 1e-9 * greatest(1, abs({quotient}))"


SCOPES: Final[dict[type, Callable[[Any, Column, Table], str]]] = {
    NotNull: lambda _rule, column, _table: f"{column.sql} IS NULL",
    InRange: _outside,
    InSet: _foreign,
    Matches: _unmatched,
    HasLength: _length,
    MultipleOf: _remainder,
}
