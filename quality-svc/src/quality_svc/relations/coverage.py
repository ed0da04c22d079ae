"""Coverage of time: for each column of dates its range, rhythm and gaps; and of each group, where a panel shows itself.

All exact: every different moment is looked at. Of a column with more than `MOMENTS` of them, moments are cut to a unit
that leaves fewer, and `skipped` says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from quality_svc.relations.document import Gap, Key, Panel, PanelGroup, TimeCoverage
from quality_svc.relations.limits import GAPS_SHOWN, PANEL_GROUPS, TIME_COLUMNS
from quality_svc.relations.periods import Moments, Rhythm, longest, rhythm_of
from quality_svc.relations.sample import MOMENTS as MOMENT_KINDS
from quality_svc.relations.source import Column, Table

MOMENTS: Final = 8_388_608
"""Most different moments of a column that are held in memory (64 MiB)."""
_CUTS: Final = ((1_000_000, "second"), (60_000_000, "minute"), (3_600_000_000, "hour"), (86_400_000_000, "day"))
_PAIR: Final = 2
_WORST_SHOWN: Final = 20
_FEWEST_PERIODS: Final = 3
"""Periods of the median group from which it is a panel."""
_LEAST_FILLED: Final = 0.5
"""Share of the periods of the groups that must have a row: subjects are seen again and again, not now and then."""
_GAP: Final = "greatest(span - periods, 0)"


@dataclass(frozen=True, slots=True)
class Timeline:
    """A column of time: its different moments, cut to `cut` microseconds, and their rhythm."""

    column: Column
    cut: int
    moments: Moments
    rhythm: Rhythm


def find_coverage(table: Table, keys: Sequence[Key]) -> tuple[TimeCoverage, ...]:
    """Measure the columns of dates and timestamps, the first ones if there are many."""
    columns = [column for column in table.columns if column.readable and column.kind in MOMENT_KINDS and column.count]
    table.skip("coverage", f"the first {TIME_COLUMNS} columns of time", len(columns) - TIME_COLUMNS)
    found = []
    for column in columns[:TIME_COLUMNS]:
        cut, moments = _moments(table, column)
        if len(moments):
            found.append(_coverage(table, Timeline(column, cut, moments, rhythm_of(moments)), keys))
    return tuple(found)


def _moments(table: Table, column: Column) -> tuple[int, Moments]:
    """Return the different moments, sorted, and to how many microseconds they were cut."""
    cut = 1
    moment = f"epoch_us({column.sql})"
    if (column.distinct or 0) > MOMENTS:
        ((low, high),) = table.rows(f"SELECT min({moment}), max({moment}) FROM {table.scan()} WHERE {_finite(column)}")
        cut, unit = next((pair for pair in _CUTS if (high - low) // pair[0] < MOMENTS), _CUTS[-1])
        table.skip("coverage", f"moments are cut to the {unit}: there are too many different ones", 1)
    sql = f"SELECT DISTINCT {_cut(moment, cut)} AS us FROM {table.scan()} WHERE {_finite(column)}"
    return cut, np.sort(table.batches(sql).read_all().column(0).to_numpy())


def _finite(column: Column) -> str:
    return f"{column.sql} IS NOT NULL AND isfinite({column.sql})"


def _cut(moment: str, microseconds: int) -> str:
    """Return the expression cut down to a multiple, also before 1970."""
    if microseconds == 1:
        return moment
    return f"({moment} - (({moment} % {microseconds}) + {microseconds}) % {microseconds})"


def _coverage(table: Table, line: Timeline, keys: Sequence[Key]) -> TimeCoverage:
    column, moments, rhythm = line.column, line.moments, line.rhythm
    missing = rhythm.missing
    regular = rhythm.named != "irregular"
    span = int(rhythm.periods[-1] - rhythm.periods[0])
    return TimeCoverage(
        column=column.name,
        first=_shown(column, moments[0]),
        last=_shown(column, moments[-1]),
        distinct=len(moments) if line.cut == 1 else column.distinct or len(moments),
        unit=rhythm.unit,
        step=rhythm.step,
        regular=rhythm.regular,
        granularity=rhythm.named,
        expected=span // rhythm.step + 1 if regular else len(rhythm.periods),
        present=len(rhythm.periods),
        missing=int(missing.sum()),
        gap_count=int((missing > 0).sum()),
        gaps=tuple(_gaps(column, moments, missing)) if len(rhythm.periods) == len(moments) else (),
        panels=tuple(_panels(table, line, keys)) if regular else (),
    )


def _gaps(column: Column, moments: Moments, missing: Moments) -> Iterator[Gap]:
    for place in longest(missing, GAPS_SHOWN):
        after, before = _shown(column, moments[place]), _shown(column, moments[place + 1])
        yield Gap(after=after, before=before, periods=int(missing[place]))


def _shown(column: Column, microseconds: int) -> str:
    moment = np.datetime64(int(microseconds), "us")
    if column.kind == "date":
        return str(np.datetime_as_string(moment, unit="D"))
    text = str(np.datetime_as_string(moment, unit="us")).removesuffix(".000000")
    return text + ("Z" if column.duckdb_type == "TIMESTAMP WITH TIME ZONE" else "")


def _panels(table: Table, line: Timeline, keys: Sequence[Key]) -> Iterator[Panel]:
    """Yield the panels: what makes a key of two with this column."""
    if len(line.rhythm.periods) != len(line.moments):
        return
    for key in keys:
        if len(key.columns) == _PAIR and line.column.name in key.columns:
            other = next(name for name in key.columns if name != line.column.name)
            by = next(one for one in table.columns if one.name == other)
            if by.kind not in MOMENT_KINDS and (by.distinct or 0) <= PANEL_GROUPS:
                yield from _panel(table, line, by)


def _panel(table: Table, line: Timeline, by: Column) -> Iterator[Panel]:
    periods: Any = {"us": line.moments, "period": line.rhythm.periods}
    table.connection.register("periods", pa.table(periods))
    moment = _cut(f"epoch_us({line.column.sql})", line.cut)
    known = f"{by.sql} IS NOT NULL AND {_finite(line.column)}"
    rows = f"SELECT {by.sql} AS g, {moment} AS us FROM {table.scan()} WHERE {known}"
    table.connection.execute(
        "CREATE OR REPLACE TEMP TABLE panel AS SELECT g, count(*) AS periods, sum(n)::BIGINT AS n, min(us) AS first, "
        f"max(us) AS last, (max(period) - min(period)) // {line.rhythm.step} + 1 AS span "
        f"FROM (SELECT g, us, count(*) AS n FROM ({rows}) GROUP BY ALL) JOIN periods USING (us) GROUP BY g"
    )
    ((groups, pairs, n, low, median, high, gappy, missing),) = table.rows(
        "SELECT count(*), sum(periods)::BIGINT, sum(n)::BIGINT, min(periods), median(periods), max(periods), "
        f"count(*) FILTER ({_GAP} > 0), sum({_GAP})::BIGINT FROM panel"
    )
    if groups > 1 and median >= _FEWEST_PERIODS and pairs / (pairs + missing) >= _LEAST_FILLED:
        worst = table.rows(
            f"SELECT g::VARCHAR, first, last, periods, {_GAP} FROM panel WHERE {_GAP} > 0 "
            f"ORDER BY {_GAP} DESC, g LIMIT {_WORST_SHOWN}"
        )
        yield Panel(
            by=by.name,
            groups=groups,
            uniqueness=pairs / n,
            filled=pairs / (pairs + missing),
            balanced=low == len(line.moments),
            periods_min=low,
            periods_median=median,
            periods_max=high,
            groups_with_gaps=gappy,
            missing=missing,
            worst=tuple(_group(line.column, row) for row in worst),
        )
    table.connection.execute("DROP TABLE panel")
    table.connection.unregister("periods")


def _group(column: Column, row: tuple[str, int, int, int, int]) -> PanelGroup:
    value, first, last, periods, missing = row
    return PanelGroup(
        value=value[:128], first=_shown(column, first), last=_shown(column, last), periods=periods, missing=missing
    )
