"""Rules that a profile suggests, for a steward to accept or refuse. Pure: from facts to proposals.

A suggestion's id is made of the kind of rule and its columns, not of the bounds: what was refused is not suggested
again when the next version has another maximum. Confidence is the chance that the next row keeps the rule, were it
drawn like the rows seen: rule of three for what never happened, (n - 1) / (n + 1) for the range of n values.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from pydantic import Field

from quality_svc.checks.formats import KNOWN, dominant_shape, known_format
from quality_svc.profile.document import ColumnProfile, Part
from quality_svc.rules.model import InRange, InSet, Matches, NotNull, RowCount, Rule, Scalar, Unique

MIN_ROWS: Final = 20
MAX_CATEGORIES: Final = 20
_REPEATS: Final = 5
"""How often a category occurs on average at least, for the values to be a closed set."""
_NUMERIC: Final = frozenset({"integer", "decimal", "float"})
_KEYS: Final = frozenset({"integer", "text"})


class Suggestion(Part):
    """A rule that holds for the version looked at, and why it may hold for the next ones."""

    id: str
    rule: Rule
    evidence: dict[str, Scalar] = Field(description="The facts of the profile that it rests on")
    confidence: float = Field(ge=0, le=1)


def suggestion_id(kind: str, columns: Sequence[str]) -> str:
    """Return the id of the suggestion of a kind of rule for these columns."""
    digest = hashlib.sha256("\x00".join([kind, *columns]).encode()).hexdigest()
    return f"suggested-{kind}-{digest[:16]}"


def suggest(
    columns: Sequence[ColumnProfile], row_count: int, *, refused: Collection[str] = (), held: Sequence[Rule] = ()
) -> tuple[Suggestion, ...]:
    """Return suggestions, the most confident first; not those of `refused` ids, nor for what `held` rules demand.

    Needs `MIN_ROWS` rows: fewer say too little.
    """
    if row_count < MIN_ROWS:
        return ()
    taken = {*refused, *(suggestion_id(rule.kind, _columns_of(rule)) for rule in held)}
    found = [suggestion for column in columns for suggestion in _of_column(column, row_count)]
    found.append(_row_count(row_count))
    kept = [suggestion for suggestion in found if suggestion.id not in taken]
    return tuple(sorted(kept, key=lambda suggestion: (-suggestion.confidence, suggestion.id)))


def _columns_of(rule: Rule) -> tuple[str, ...]:
    column: str | None = getattr(rule, "column", None)
    return (column,) if column is not None else tuple(getattr(rule, "columns", ()))


def _of_column(column: ColumnProfile, rows: int) -> Iterator[Suggestion]:
    if column.count < MIN_ROWS:
        return
    if not column.nulls:
        yield _made(NotNull(column=column.name, severity="critical"), {"rows": rows, "nulls": 0}, 1 - 3 / rows)
    distinct = column.distinct
    if distinct and distinct.exact and distinct.value == column.count and column.kind in _KEYS:
        evidence: dict[str, Scalar] = {"values": column.count, "distinct": distinct.value}
        yield _made(Unique(columns=(column.name,), severity="critical"), evidence, 1 - 3 / column.count)
    yield from _categories(column)
    yield from _range(column)
    yield from _pattern(column)


def _categories(column: ColumnProfile) -> Iterator[Suggestion]:
    distinct, top = column.distinct, column.top
    if column.kind != "text" or top is None or not top.exact or not distinct or not distinct.exact:
        return
    if not 1 < distinct.value <= MAX_CATEGORIES or column.count < _REPEATS * distinct.value:
        return
    if len(top.values) != distinct.value or any(value.truncated for value in top.values):
        return
    # Good and Turing: the share of values seen once is the chance that the next one is new
    once = sum(value.count == 1 for value in top.values)
    confidence = 1 - max(once, 1) / column.count
    rule = InSet(column=column.name, values=tuple(value.value for value in top.values))
    yield _made(rule, {"values": column.count, "distinct": distinct.value, "seen_once": once}, confidence)


def _range(column: ColumnProfile) -> Iterator[Suggestion]:
    low, high = column.min, column.max
    if column.kind not in _NUMERIC | {"date", "timestamp"} or low is None or high is None or low == high:
        return
    evidence: dict[str, Scalar] = {"values": column.count, "minimum": low, "maximum": high}
    numeric = column.kind in _NUMERIC
    if numeric and float(low) >= 0:
        rule = InRange(column=column.name, minimum=0)
        yield _made(rule, evidence, 1 - 3 / column.count)
    elif numeric:
        rule = InRange(column=column.name, minimum=low, maximum=high)
        yield _made(rule, evidence, (column.count - 1) / (column.count + 1))
    else:
        rule = InRange(column=column.name, minimum=str(low))
        yield _made(rule, evidence, column.count / (column.count + 1))


def _pattern(column: ColumnProfile) -> Iterator[Suggestion]:
    """Suggest a format that every frequent value keeps; the evidence says of how many values that is known."""
    name = known_format(column, 1.0)
    pattern = KNOWN[name] if name else dominant_shape(column, 1.0)
    if pattern is None or column.top is None:
        return
    shown = sum(value.count for value in column.top.values)
    evidence: dict[str, Scalar] = {"values": column.count, "seen": shown, "format": name or "shape"}
    yield _made(Matches(column=column.name, pattern=pattern), evidence, shown / (shown + 3))


def _row_count(rows: int) -> Suggestion:
    return _made(RowCount(minimum=rows // 2), {"rows": rows}, 0.5)


def _made(rule: Rule, evidence: dict[str, Scalar], confidence: float) -> Suggestion:
    columns = _columns_of(rule)
    return Suggestion(
        id=suggestion_id(rule.kind, columns),
        rule=rule,
        evidence=evidence,
        confidence=round(max(0.0, min(1.0, confidence)), 6),
    )
