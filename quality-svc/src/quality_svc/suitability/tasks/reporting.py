"""Reporting: whether totals of this table can be shown over time and by group, and be trusted.

Gates: a grain (few columns that make rows unique), a measure, a dimension, a date. Evidence: freshness (only where the
day is given), stability of the totals per period, and cardinality of the dimensions.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np

from quality_svc.suitability.columns import IDENTIFIER_NAME, Column, Floats
from quality_svc.suitability.document import Candidate, Finding, Fix, Gate
from quality_svc.suitability.duplicates import duplicate_share, row_hashes
from quality_svc.suitability.scoring import DIMENSION_WEIGHT, NO_EVIDENCE, Answer, Evidence, mean_evidence
from quality_svc.suitability.table import Table
from quality_svc.suitability.targets import number_candidates
from quality_svc.suitability.tasks.interface import Question, rows_gate
from quality_svc.suitability.timelines import TimeKey, time_keys

UNIQUE: Final = 0.99
FEWEST_ROWS: Final = 10
MOST_GRAIN_COLUMNS: Final = 5
MOST_TRIED: Final = 12
MOST_LEVELS: Final = 1_000
READABLE_LEVELS: Final = 100
"""Groups that a person can look through."""
MOST_PERIODS: Final = 400
FEWEST_PERIODS: Final = 6
UNUSUAL: Final = 3.5
"""Robust z beyond which a period's total is called unusual (Iglewicz and Hoaglin 1993)."""
DAY: Final = 86_400.0
PERIODS: Final = (
    ("day", DAY),
    ("week", 7 * DAY),
    ("month", 30.44 * DAY),
    ("quarter", 91.3 * DAY),
    ("year", 365.25 * DAY),
)


UNEVEN: Final = frozenset({"month", "quarter", "year"})
"""Periods of different lengths: dates are put to the nearest."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows and sums of the measure per period, oldest first; a period without rows has none."""

    unit: str
    seconds: float
    rows: Floats
    sums: Floats
    latest: float


class Reporting:
    """Showing totals: what they are of, by what, since when, and how steady."""

    name = "reporting"

    def judge(self, question: Question) -> Answer:
        """Judge the measure given, or the likeliest one."""
        table, columns = question.table, question.table.sample.columns
        keys = time_keys(columns)
        measures = _measures(columns, keys)
        measure = columns[table.position(question.target)] if question.target is not None else (
            table.sample.named(measures[0].column) if measures else None
        )  # fmt: skip
        groups = [column for column in columns if _is_dimension(column, measure, keys)]
        grain = _grain(table, columns, keys) if table.row_count >= FEWEST_ROWS else ()
        gates = (rows_gate(table.row_count, FEWEST_ROWS), *_gates(grain, measure, groups, keys))
        totals = _totals(table, keys[0], measure) if keys and measure is not None and table.row_count else None
        return Answer(
            task=self.name,
            target=None if measure is None else measure.name,
            gates=gates,
            evidence=_evidence(totals, groups, question.as_of),
            dimensions=_dimensions(table, columns),
            sampled=table.sample.sampled,
            seed=question.seed,
            conditions=("freshness was not measured: no day was given",) if question.as_of is None else (),
            fixes=tuple(_fixes(_dimensions(table, columns))),
            candidates=() if question.target is not None else tuple(measures),
            findings=tuple(_findings(totals)),
            facts=_facts(grain, measure, groups, keys, totals),
        )


def _measures(columns: tuple[Column, ...], keys: list[TimeKey]) -> list[Candidate]:
    times = {key.column.position for key in keys}
    usable = [column for column in columns if column.role == "number" and column.position not in times]
    return number_candidates([column for column in usable if not IDENTIFIER_NAME.search(column.name)])


def _is_dimension(column: Column, measure: Column | None, keys: list[TimeKey]) -> bool:
    if column is measure or any(key.column is column for key in keys):
        return False
    few = 2 <= column.distinct <= min(MOST_LEVELS, max(2, column.codes.size // 2))  # noqa: PLR2004 (a group has two)
    return few and (column.role == "category" or (column.role == "number" and column.distinct <= 30))  # noqa: PLR2004


def _gates(
    grain: tuple[Column, ...], measure: Column | None, groups: list[Column], keys: list[TimeKey]
) -> tuple[Gate, ...]:
    def gate(name: str, found: list[str], nothing: str) -> Gate:
        return Gate(
            name=name, passed=bool(found), evidence=", ".join(found[:8]) or nothing, value=len(found), threshold=1
        )

    return (
        gate("grain", [column.name for column in grain], "no few columns make rows unique"),
        gate("measure", [measure.name] if measure is not None and measure.numbers is not None else [], "no measure"),
        gate("dimension", [column.name for column in groups], "no column groups the rows"),
        gate("date", [key.column.name for key in keys if not key.ordinal], "no column has dates"),
    )


def _grain(table: Table, columns: tuple[Column, ...], keys: list[TimeKey]) -> tuple[Column, ...]:
    """Return the fewest columns, added one by one, that make UNIQUE of the rows unique in the whole table; or none."""
    times = {key.column.position for key in keys[:1]}
    fractional = {column.position for column in columns if _has_fractions(column)}
    usable = [column for column in columns if column.role in {"identifier", "category", "number", "time"}
              and column.position not in fractional]  # fmt: skip
    usable.sort(key=lambda column: (column.role != "identifier", column.position not in times, -column.distinct))
    chosen: list[Column] = []
    for _ in range(MOST_GRAIN_COLUMNS):
        options = [column for column in usable[:MOST_TRIED] if column not in chosen]
        if not options:
            return ()
        size = len(table.sample.rows)
        best = max(options, key=lambda column: _different([*chosen, column], size))
        chosen.append(best)
        if _different(chosen, size) >= UNIQUE and 1 - _repeats(table, chosen) >= UNIQUE:
            return tuple(chosen)
    return ()


def _has_fractions(column: Column) -> bool:
    return column.role == "number" and column.numbers is not None and bool(np.any(column.numbers[column.present] % 1))


def _different(columns: list[Column], rows: int) -> float:
    return np.unique(row_hashes(columns, rows)).size / max(1, rows)


def _repeats(table: Table, columns: list[Column]) -> float:
    return duplicate_share(table, columns, row_hashes(columns, len(table.sample.rows)))


def _totals(table: Table, key: TimeKey, measure: Column) -> Totals | None:
    """Return totals per period: the finest unit of which the table has at most MOST_PERIODS."""
    if measure.numbers is None:
        return None
    value = f"TRY_CAST(c{measure.position} AS DOUBLE)"
    moment = f"floor({key.sql} / {DAY})" if key.column.role == "time" else key.sql
    cells = f"SELECT {moment} AS moment, {value} AS value FROM {{source}}"
    rows = table.query(
        f"SELECT moment, count(*), sum(value) FILTER (isfinite(value)) FROM ({cells}) WHERE moment IS NOT NULL "
        "GROUP BY moment ORDER BY count(*) DESC LIMIT 200000"
    )
    moments = key.read([row[0] for row in rows]) * (DAY if key.column.role == "time" else 1.0)
    known = np.flatnonzero(~np.isnan(moments))
    if known.size < FEWEST_PERIODS:
        return None
    counts = np.array([row[1] for row in rows], np.float64)[known]
    sums = np.array([row[2] or 0.0 for row in rows], np.float64)[known]
    return _binned(moments[known], counts, sums)


def _binned(moments: Floats, counts: Floats, sums: Floats) -> Totals:
    span = float(moments.max() - moments.min())
    gap = float(np.median(np.diff(np.unique(moments)))) if moments.size > 1 else DAY
    fitting = [(unit, size) for unit, size in PERIODS if span / size <= MOST_PERIODS and size >= 0.9 * gap]
    unit, size = fitting[0] if fitting else PERIODS[-1]
    since = (moments - moments.min()) / size
    slots = (np.round(since) if unit in UNEVEN else np.floor(since)).astype(np.int64)
    slots = np.minimum(slots, 20 * MOST_PERIODS)
    rows, totals = (np.asarray(np.bincount(slots, one), np.float64) for one in (counts, sums))
    return Totals(unit, size, rows, totals, float(moments.max()))


def _evidence(totals: Totals | None, groups: list[Column], as_of: date | None) -> Evidence:
    if totals is None or not groups:
        return NO_EVIDENCE
    items = {
        "stable_totals": 1 - float(_unusual(totals).mean()),
        "cardinality": float(np.mean([min(1.0, READABLE_LEVELS / column.distinct) for column in groups])),
    }
    if as_of is not None:
        items["freshness"] = _freshness(totals, as_of)
    return mean_evidence(items)


def _unusual(totals: Totals) -> Any:
    """Return which periods have no rows, or rows or sums far from those of their neighbours (the ends are cut off)."""
    unusual = totals.rows == 0
    for values in (totals.rows, totals.sums):
        change = values - _running_median(values)
        spread = 1.4826 * float(np.median(np.abs(change)))
        floor = 0.1 * float(np.median(np.abs(values)))
        unusual |= np.abs(change) > UNUSUAL * max(spread, floor, 1e-12)
    return unusual[1:-1] if unusual.size > 2 * FEWEST_PERIODS else unusual


def _running_median(values: Floats) -> Floats:
    padded = np.pad(values, 3, mode="reflect") if values.size > 3 else np.pad(values, 3, mode="edge")  # noqa: PLR2004
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1), np.float64)


def _freshness(totals: Totals, as_of: date) -> float:
    """Return 1 up to two periods after the latest row, then what two periods are of the age."""
    day = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp()
    age = max(0.0, day - totals.latest)
    return min(1.0, 2 * totals.seconds / age) if age > 0 else 1.0


def _dimensions(table: Table, columns: tuple[Column, ...]) -> dict[str, float]:
    counted = [column for column in columns if column.role != "unsupported"]
    if not counted or not len(table.sample.rows):
        return {}
    named = [bool(column.name.strip()) and not column.name.lower().startswith(("unnamed", "column", "col_", "field"))
             for column in columns]  # fmt: skip
    return {
        "completeness": float(np.mean([column.completeness for column in counted])),
        "uniqueness": 1 - duplicate_share(table, counted, row_hashes(counted, len(table.sample.rows))),
        "named_columns": float(np.mean(named)),
    }


def _fixes(dimensions: dict[str, float]) -> list[Fix]:
    words = {
        "completeness": ("fill_gaps", "fill the cells that are empty"),
        "uniqueness": ("remove_duplicates", "remove rows that repeat others: totals count them twice"),
        "named_columns": ("name_columns", "give every column a name"),
    }
    return [
        Fix(
            action=words[name][0],
            detail=words[name][1],
            basis="bound",
            gain=DIMENSION_WEIGHT / len(dimensions) * (1 - value),
        )
        for name, value in dimensions.items()
    ]


def _findings(totals: Totals | None) -> list[Finding]:
    if totals is None:
        return []
    share = float(_unusual(totals).mean())
    words = f"of the {totals.rows.size:,} {totals.unit}s have no rows, or totals far from their neighbours"
    return [Finding(kind="unusual_periods", detail=words, share=share)] if share > 0 else []


def _facts(
    grain: tuple[Column, ...], measure: Column | None, groups: list[Column], keys: list[TimeKey], totals: Totals | None
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "grain": [column.name for column in grain],
        "measure": None if measure is None else measure.name,
        "dimensions": [column.name for column in groups][:20],
        "date": keys[0].column.name if keys else None,
    }
    if totals is not None:
        facts |= {"period": totals.unit, "periods": int(totals.rows.size)}
    return facts
