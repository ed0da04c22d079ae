"""Which table of one version is which of the other, and what became of its columns. Pure.

Tables are matched by name and place in the original, then by name, then by place, then by their columns. A column that
has no namesake is held for a renamed one where the original called both the same, or where type and place agree and the
names are alike.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

LEAST_SHARED: Final = 0.5
"""Share of column names (Jaccard) from which two tables without a namesake are held for the same."""
LEAST_ALIKE: Final = 0.6
"""Likeness of two names (Ratcliff and Obershelp) from which one is held for the other's new name."""
MOST_RENAMED: Final = 400
"""Most columns without a namesake, on either side, among which renamed ones are looked for."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its table tells of it."""

    name: str
    position: int
    type: str
    source_name: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a version. `origin` is where in the original it was found, in whatever form compares."""

    id: str
    name: str
    origin: str
    row_count: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A table before and after; one side is absent where it was added or removed. `by` says how it was matched."""

    before: Table | None
    after: Table | None
    by: str


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """What became of the columns of a table."""

    added: tuple[Column, ...]
    removed: tuple[Column, ...]
    renamed: tuple[tuple[Column, Column], ...]
    retyped: tuple[tuple[Column, Column], ...]
    moved: tuple[tuple[Column, Column], ...]


def pairs(before: Sequence[Table], after: Sequence[Table]) -> list[Pair]:
    """Match the tables of two versions; in the order of the later one, what was removed at the end."""
    left, found = list(before), dict[str, Pair]()
    for by, same in _RULES:
        for table in after:
            partner = _best(left, table, same) if table.id not in found else None
            if partner is not None:
                left.remove(partner)
                found[table.id] = Pair(partner, table, by)
    matched = [found.get(table.id, Pair(None, table, "added")) for table in after]
    return [*matched, *(Pair(table, None, "removed") for table in left)]


def columns(before: Sequence[Column], after: Sequence[Column]) -> ColumnChanges:
    """Return what became of the columns of a table."""
    was, now = {column.name: column for column in before}, {column.name: column for column in after}
    gone = [column for column in before if column.name not in now]
    new = [column for column in after if column.name not in was]
    renamed = _renamed(gone, new) if max(len(gone), len(new)) <= MOST_RENAMED else []
    known = {id(column) for pair in renamed for column in pair}
    both = [(was[name], column) for name, column in now.items() if name in was]
    return ColumnChanges(
        added=tuple(column for column in new if id(column) not in known),
        removed=tuple(column for column in gone if id(column) not in known),
        renamed=tuple(renamed),
        retyped=tuple((old, column) for old, column in (*both, *renamed) if old.type != column.type),
        moved=_moved(both),
    )


def _same_place(one: Table, other: Table) -> float:
    return float(one.name == other.name and one.origin == other.origin)


def _same_name(one: Table, other: Table) -> float:
    return float(one.name == other.name)


def _same_origin(one: Table, other: Table) -> float:
    return float(one.origin == other.origin and _shared(one, other) > 0)


def _alike(one: Table, other: Table) -> float:
    shared = _shared(one, other)
    return shared if shared >= LEAST_SHARED else 0.0


_RULES: Final[tuple[tuple[str, Callable[[Table, Table], float]], ...]] = (
    ("name_and_origin", _same_place),
    ("name", _same_name),
    ("origin", _same_origin),
    ("columns", _alike),
)


def _best(left: Iterable[Table], table: Table, same: Callable[[Table, Table], float]) -> Table | None:
    scores = [(same(candidate, table), candidate) for candidate in left]
    best = max(scores, key=lambda scored: scored[0], default=None)
    return best[1] if best is not None and best[0] > 0 else None


def _shared(one: Table, other: Table) -> float:
    mine, theirs = ({column.name for column in table.columns} for table in (one, other))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


def _renamed(gone: Sequence[Column], new: Sequence[Column]) -> list[tuple[Column, Column]]:
    scored = [(_likeness(old, column), old, column) for old in gone for column in new]
    scored.sort(key=lambda found: (-found[0], found[1].position, found[2].position))
    taken, found = set[tuple[str, int]](), list[tuple[Column, Column]]()
    for score, old, column in scored:
        ends = {("before", old.position), ("after", column.position)}
        if score > 0 and not ends & taken:
            taken |= ends
            found.append((old, column))
    return sorted(found, key=lambda pair: pair[1].position)


def _likeness(old: Column, column: Column) -> float:
    if old.source_name and old.source_name == column.source_name:
        return 2.0
    alike = SequenceMatcher(None, old.name.casefold(), column.name.casefold(), autojunk=False).ratio()
    same_place = old.type == column.type and old.position == column.position
    return alike + (0.5 if same_place else 0.0) if alike >= LEAST_ALIKE and (same_place or alike > 0.8) else 0.0  # noqa: PLR2004


def _moved(both: Sequence[tuple[Column, Column]]) -> tuple[tuple[Column, Column], ...]:
    """Return the columns whose place among those that both have is another."""
    order = sorted(both, key=lambda pair: pair[0].position)
    now = sorted(both, key=lambda pair: pair[1].position)
    return tuple(pair for pair, other in zip(now, order, strict=True) if pair != other)


def shown(column: Column) -> dict[str, Any]:
    """Return a column as the comparison shows it."""
    return {"name": column.name, "position": column.position, "type": column.type}
