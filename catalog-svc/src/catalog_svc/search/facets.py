"""Facets: what datasets are chosen and counted by. A choice within one facet widens, choices in several narrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from catalog_svc.search.database import Condition
from dataplatform.problems import Problem

MARKED: Final = (
    "institution", "format", "tag", "licence", "quality", "suitability", "semantic", "frequency", "size",
)  # fmt: skip
"""Facets whose values are marks of the documents."""
FRESHNESS: Final = "freshness"
FACETS: Final = (*MARKED, FRESHNESS)

# how long ago a dataset changed, at most; the last has no end
AGES: Final[Mapping[str, timedelta | None]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
    "older": None,
}


@dataclass(frozen=True)
class Choices:
    """What is chosen, by facet, as of a moment (of which freshness is told)."""

    chosen: Mapping[str, Sequence[str]]
    now: datetime

    def conditions(self, but: str | None = None) -> list[Condition]:
        """Return the condition of each facet, `but` for one."""
        return [self._condition(name, values) for name, values in self.chosen.items() if values and name != but]

    def _condition(self, name: str, values: Sequence[str]) -> Condition:
        if name != FRESHNESS:
            return "marks && %s::text[]", [[f"{name}={value}" for value in values]]
        sql, moments = [], []
        for value in values:
            newest, oldest = self._ages(value)
            sql.append("(updated_at <= %s AND updated_at > %s)" if oldest else "updated_at <= %s")
            moments += [newest, oldest] if oldest else [newest]
        return " OR ".join(sql), moments

    def _ages(self, value: str) -> tuple[datetime | str, datetime | None]:
        names = list(AGES)
        if value not in AGES:
            raise Problem("invalid_request", "Invalid request", 422, f"freshness is one of {', '.join(names)}")
        before = names.index(value) - 1
        since = AGES[names[before]] if before >= 0 else None
        until = AGES[value]
        return (self.now - since if since else "infinity"), (self.now - until if until else None)


def freshness_sql(now: datetime) -> Condition:
    """Return the SQL that tells the mark of a document's freshness."""
    ages = [(name, age) for name, age in AGES.items() if age is not None]
    cases = " ".join(f"WHEN updated_at > %s THEN '{FRESHNESS}={name}'" for name, _ in ages)
    return f"CASE {cases} ELSE '{FRESHNESS}=older' END", [now - age for _, age in ages]


def named(wanted: str | None) -> tuple[str, ...]:
    """Return the facets of a comma-separated list, or `all`; raises a 422 problem for one that there is not."""
    if wanted is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    if names == ("all",):
        return FACETS
    if unknown := [name for name in names if name not in FACETS]:
        raise Problem(
            "invalid_request",
            "Invalid request",
            422,
            f"no facet {unknown[0][:64]!r}: there are {', '.join(FACETS)}, and `all`",
        )
    return names


def best(counts: Mapping[str, int], name: str, chosen: Sequence[str], size: int, times: int) -> list[dict[str, Any]]:
    """Return the most frequent values of a facet, and the chosen ones; there are `times` as many as were seen."""
    start = f"{name}="
    found = {mark[len(start) :]: count for mark, count in counts.items() if mark.startswith(start)}
    ranked = sorted(found, key=lambda value: (-found[value], value))[:size]
    shown = [*ranked, *(value for value in dict.fromkeys(chosen) if value not in ranked)]
    return [{"value": value, "count": found.get(value, 0) * times, "selected": value in chosen} for value in shown]
