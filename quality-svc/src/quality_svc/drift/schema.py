"""Columns of two versions matched with each other: by name, and those without a partner by what they hold.

A renamed column is one that is gone and one that is new with the same content: the same values where those tell columns
apart, the same distribution where they do not. Where several are alike, the place in the table and the name decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import sqrt
from typing import Final

from quality_svc.drift.distances import moved
from quality_svc.drift.document import Finding
from quality_svc.drift.noise import standard_error
from quality_svc.drift.signature import Categories, ColumnSignature, Ordered, TableSignature

RENAMED: Final = 0.6
"""Least confidence that makes a rename of a removal and an addition."""

_NUMBERS: Final = frozenset({"integer", "decimal", "float"})
_MOMENTS: Final = frozenset({"date", "timestamp"})
_FEW_VALUES: Final = 12
_SAME_ROWS: Final = 0.3
"""Share of common values from which two versions of a column have rows in common."""


@dataclass(frozen=True, slots=True)
class Match:
    """A column of the old version and what it is in the new one; `confidence` is 1 where the name is the same."""

    old: ColumnSignature
    new: ColumnSignature
    confidence: float = 1.0


def match_columns(
    old: TableSignature, new: TableSignature
) -> tuple[list[Match], list[ColumnSignature], list[ColumnSignature]]:
    """Return the columns that are in both, those that are gone and those that are new."""
    names = {column.name: column for column in new.columns}
    same = [Match(column, names[column.name]) for column in old.columns if column.name in names]
    known = {match.old.name for match in same}
    gone = [column for column in old.columns if column.name not in known]
    come = [column for column in new.columns if column.name not in known]
    renamed = _renamed(old, new, gone, come)
    taken = {match.old.name for match in renamed}, {match.new.name for match in renamed}
    return (
        same + renamed,
        [column for column in gone if column.name not in taken[0]],
        [column for column in come if column.name not in taken[1]],
    )


def schema_findings(
    matches: Sequence[Match], gone: Sequence[ColumnSignature], come: Sequence[ColumnSignature]
) -> Iterator[Finding]:
    """Say what became of the columns."""
    for column in gone:
        yield Finding(kind="column_removed", severity="critical", column=column.name, detail="the column is gone")
    for column in come:
        yield Finding(kind="column_added", severity="warning", column=column.name, detail="the column is new")
    for match in matches:
        if match.old.name != match.new.name:
            yield _rename(match)
        if match.old.type != match.new.type:
            yield _retyped(match)


def _rename(match: Match) -> Finding:
    return Finding(
        kind="column_renamed",
        severity="warning",
        column=match.new.name,
        detail=f"was called {match.old.name!r}; it holds the same",
        evidence={"from": match.old.name, "to": match.new.name, "confidence": round(match.confidence, 3)},
    )


def _retyped(match: Match) -> Finding:
    old, new = match.old, match.new
    empty = "null" in {old.kind, new.kind}
    alike = old.kind == new.kind or {old.kind, new.kind} <= _NUMBERS or {old.kind, new.kind} <= _MOMENTS
    return Finding(
        kind="column_retyped",
        severity="info" if alike or empty else "warning",
        column=new.name,
        detail=f"the type was {old.type} and is {new.type}",
        evidence={"from": old.type, "to": new.type},
    )


def _renamed(
    old: TableSignature, new: TableSignature, gone: Sequence[ColumnSignature], come: Sequence[ColumnSignature]
) -> list[Match]:
    """Pair columns greedily, the surest pair first."""
    candidates = [
        Match(before, after, confidence)
        for before in gone
        for after in come
        if (confidence := _confidence(before, after, _same_place(old, new, before, after))) >= RENAMED
    ]
    pairs: list[Match] = []
    for match in sorted(candidates, key=lambda match: (-match.confidence, match.old.position, match.new.position)):
        if all(match.old is not pair.old and match.new is not pair.new for pair in pairs):
            pairs.append(match)
    return pairs


def _same_place(old: TableSignature, new: TableSignature, before: ColumnSignature, after: ColumnSignature) -> bool:
    """Whether both stand between the same neighbours, or at the same position."""

    def neighbours(table: TableSignature, at: int) -> set[str]:
        return {table.columns[near].name for near in (at - 1, at + 1) if 0 <= near < len(table.columns)}

    around = neighbours(old, before.position) & neighbours(new, after.position)
    return before.position == after.position or bool(around)


def _confidence(old: ColumnSignature, new: ColumnSignature, same_place: bool) -> float:
    """Return how sure it is that one column is the other under a new name: its content, and its place."""
    content = _likeness(old, new)
    if content is None:
        return 0.0
    named = SequenceMatcher(None, old.name.casefold(), new.name.casefold()).ratio()
    if (_overlap(old.sketch, new.sketch) or 0.0) > _SAME_ROWS:
        return content * (0.85 + 0.1 * same_place + 0.05 * named)
    return content * (0.5 + 0.25 * same_place + 0.1 * named)


def _likeness(old: ColumnSignature, new: ColumnSignature) -> float | None:
    """Return how alike the contents are, from 0 to 1; None where nothing tells."""
    if not (old.filled and new.filled) or _family(old) != _family(new):
        return None
    parts = [1 - min(1.0, 4 * abs(old.nulls / old.rows - new.nulls / new.rows))]
    shared = _overlap(old.sketch, new.sketch)
    if shared is not None and shared > _SAME_ROWS:  # the same rows for the most part: no distribution is needed
        parts.append(min(1.0, 0.85 + shared / 4))
    elif old.categories and new.categories and _repeats(old) and _repeats(new):
        parts.append(_category_likeness(old.categories, new.categories))
    elif old.ordered and new.ordered:
        parts.append(_ordered_likeness(old.ordered, new.ordered))
    elif old.shapes and new.shapes:
        parts += [0.9, _category_likeness(old.shapes, new.shapes)]  # texts of one format are not yet the same texts
        if old.lengths and new.lengths:
            parts.append(_ordered_likeness(old.lengths, new.lengths))
    else:
        return None
    return min(parts)


def _repeats(column: ColumnSignature) -> bool:
    """Whether all its values are known and most occur again."""
    known = column.categories is not None and column.categories.complete
    return known and 2 * (column.distinct or 0) <= column.filled


def _family(column: ColumnSignature) -> str:
    if column.kind in _NUMBERS:
        return "number"
    return "moment" if column.kind in _MOMENTS else column.kind


def _overlap(old: Sequence[int], new: Sequence[int]) -> float | None:
    """Estimate the share of all different values that both have (Broder's bottom-k sketch)."""
    size = min(len(old), len(new))
    if size < _FEW_VALUES:
        return None
    union = sorted({*old, *new})[:size]
    return len({*old} & {*new} & {*union}) / size


def _category_likeness(old: Categories, new: Categories) -> float:
    """Return 1 where shares differ by no more than chance brings, 0 where half of the rows would have to move."""
    names = old.counts.keys() | new.counts.keys()
    if not old.counts.keys() & new.counts.keys():
        return 0.0
    changes = (abs(old.counts.get(name, 0) / old.basis - new.counts.get(name, 0) / new.basis) for name in names)
    chance = standard_error(old.basis, new.basis) * sqrt(len(names)) / 2
    return max(0.0, 1 - 2 * max(0.0, sum(changes) / 2 - chance))


def _ordered_likeness(old: Ordered, new: Ordered) -> float:
    """Return 1 where values moved no further than chance brings, 0 from half a standard deviation beyond it."""
    distance = max(moved(old, new).wasserstein, moved(new, old).wasserstein)
    return max(0.0, 1 - 2 * max(0.0, distance - 1.5 * standard_error(old.basis, new.basis)))
