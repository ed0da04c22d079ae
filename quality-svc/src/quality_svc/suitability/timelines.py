"""Where time is in a table, whether rows are one series or many, and how even the steps are.

A time key is a column of times, of texts that are dates, of years or of months written as numbers, or a running number
that is named like time. Series are told apart by the fewest columns that make (series, time) unique.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Final

import numpy as np

from quality_svc.suitability.columns import TIME_NAME, Column, Floats, Ints
from quality_svc.suitability.table import Table

UNIQUE: Final = 0.99
DATE_SHARE: Final = 0.95
DAY: Final = 86_400.0
MOST_KEYS: Final = 8
MOST_SERIES: Final = 20
MOST_SERIES_ROWS: Final = 20_000
LOOKED_AT_ROWS: Final = 2_000_000
YEARS: Final = (1500, 2200)

_DATE: Final = re.compile(r"^\s*(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?\S*)?\s*$")
_QUARTER: Final = re.compile(r"^\s*(\d{4})[-\s]?Q([1-4])\s*$", re.IGNORECASE)
_ORDINAL_NAME: Final = re.compile(
    r"^(?:t|step|tick|time|period|seq|sequence|index|week|month|day|hour)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class TimeKey:
    """A column that tells when; `seconds` of the sampled rows since 1970 (of a running number: the number)."""

    column: Column
    seconds: Floats
    ordinal: bool = False

    def read(self, raw: Sequence[object]) -> Floats:
        """Return the seconds of values as the engine gives them: numbers of seconds, or the text or number it is."""
        if self.column.role == "time" or self.ordinal:
            return np.array([np.nan if value is None else float(str(value)) for value in raw], np.float64)
        return np.array([np.nan if value is None else _seconds(str(value)) for value in raw], np.float64)

    @property
    def sql(self) -> str:
        """The expression of the value in the engine."""
        name = f"c{self.column.position}"
        return f"epoch({name})" if self.column.role == "time" else name


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """An even grid: `unit` in words, its usual `seasons` in steps, and the `slots` of given times on it."""

    unit: str
    seasons: tuple[int, ...]
    slots: Ints
    regularity: float


def time_keys(columns: Sequence[Column]) -> list[TimeKey]:
    """Return the columns that tell when, likeliest first: real times, then texts and numbers, then running numbers."""
    found: list[tuple[int, TimeKey]] = []
    for column in columns:
        if column.role == "time" and column.numbers is not None and not column.type.startswith("time"):
            found.append((0 if TIME_NAME.search(column.name) else 1, TimeKey(column, column.numbers)))
        elif column.role == "time" and column.type.startswith("timestamp") and column.numbers is not None:
            found.append((1, TimeKey(column, column.numbers)))
        elif (written := _written_times(column)) is not None:
            found.append((2, TimeKey(column, written)))
        elif column.numbers is not None and column.role != "constant" and _ORDINAL_NAME.search(column.name):
            found.append((3, TimeKey(column, column.numbers, ordinal=True)))
    return [key for _, key in sorted(found, key=lambda pair: (pair[0], -pair[1].column.completeness))]


def series_columns(table: Table, key: TimeKey, columns: Sequence[Column]) -> tuple[tuple[Column, ...], float]:
    """Return the fewest columns that tell series apart, and the share of rows that then have a time of their own.

    None, and the share, where time alone does or nothing helps.
    """
    alone = _own_time(table, key, ())
    if alone >= UNIQUE or table.row_count == 0:
        return (), alone
    keys = _possible_keys(columns, key, table.row_count)
    for size in (1, 2):
        tried = [(one, _own_time(table, key, one)) for one in list(combinations(keys, size))[: 2 * MOST_KEYS]]
        good = [one for one, share in tried if share >= UNIQUE]
        if good:
            best = min(good, key=lambda one: np.prod([float(column.distinct) for column in one]))
            return best, dict(tried)[best]
    return (), alone


def read_series(table: Table, key: TimeKey, keys: Sequence[Column], target: Column) -> list[tuple[Floats, Floats]]:
    """Return time and value of the longest series, in the order of time; rows without one of the two are left out."""
    group = ", ".join(f"c{column.position}" for column in keys)
    moment, value = key.sql, f"TRY_CAST(c{target.position} AS DOUBLE)"
    name = f"hash({group})" if keys else "0::UBIGINT"
    sql = f"""
        WITH cells AS (SELECT {name} AS series, {moment} AS moment, {value} AS value FROM {{source}}
                       WHERE {moment} IS NOT NULL),
             longest AS (SELECT series FROM cells GROUP BY series
                         ORDER BY count(value) DESC, series LIMIT {MOST_SERIES})
        SELECT * FROM (SELECT series, moment, sum(value) FROM cells JOIN longest USING (series)
                       WHERE value IS NOT NULL AND isfinite(value) GROUP BY series, moment)
        QUALIFY row_number() OVER (PARTITION BY series ORDER BY moment DESC) <= {MOST_SERIES_ROWS}
        ORDER BY series, moment
    """
    rows = table.query(sql)
    series = np.array([row[0] for row in rows], np.uint64)
    moments = key.read([row[1] for row in rows])
    values = np.array([row[2] for row in rows], np.float64)
    found = []
    for one in np.unique(series):
        chosen = np.flatnonzero((series == one) & ~np.isnan(moments))
        order = chosen[np.argsort(moments[chosen], kind="stable")]
        found.append((moments[order], values[order]))
    return sorted(found, key=lambda pair: -pair[0].size)


def steps_of(moments: Floats, *, ordinal: bool) -> Steps:
    """Return the grid that the times of one series (ascending) lie on."""
    gaps = np.diff(np.unique(moments))
    if not gaps.size:
        return Steps("none", (1,), np.zeros(moments.size, np.int64), 0.0)
    usual = float(np.median(gaps))
    if ordinal:
        return _even(moments, gaps, usual, f"{usual:g} of the running number", (7, 12, 24, 4, 52))
    days = usual / DAY
    for low, high, months, unit, seasons in (
        (27, 32, 1, "month", (12,)),
        (88, 93, 3, "quarter", (4,)),
        (360, 370, 12, "year", (1,)),
    ):
        if low <= days <= high:
            return _monthly(moments, months, unit, seasons)
    if days == 1 and _only_weekdays(moments):
        return _weekdays(moments)
    return _even(moments, gaps, usual, _unit(usual), _seasons(usual))


def _even(moments: Floats, gaps: Floats, usual: float, unit: str, seasons: tuple[int, ...]) -> Steps:
    slots = np.round((moments - moments[0]) / usual).astype(np.int64)
    on_grid = np.abs(gaps / usual - np.round(gaps / usual)) < 0.1  # noqa: PLR2004 (a tenth of a step)
    return Steps(unit, seasons, slots, float((on_grid & (gaps > usual / 2)).mean()))


def _monthly(moments: Floats, months: int, unit: str, seasons: tuple[int, ...]) -> Steps:
    dates = moments.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    slots = (dates - dates[0]) // months
    steps = np.diff(np.unique(slots))
    return Steps(unit, seasons, slots.astype(np.int64), float((steps >= 1).mean()) if steps.size else 0.0)


def _weekdays(moments: Floats) -> Steps:
    dates = moments.astype("datetime64[s]").astype("datetime64[D]")
    slots = np.busday_count(dates[0], dates).astype(np.int64)
    return Steps("weekday", (5,), slots, 1.0)


def _only_weekdays(moments: Floats) -> bool:
    weekday = (np.floor(moments / DAY) + 3) % 7
    return bool(moments.size > 10 and (weekday >= 5).mean() < 0.01)  # noqa: PLR2004 (Saturday is 5)


def _unit(seconds: float) -> str:
    for size, name in ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} second"


def _seasons(seconds: float) -> tuple[int, ...]:
    """Return the usual seasons in steps, shortest first: hour, day, week, year."""
    wanted = [round(span / seconds) for span in (3600.0, DAY, 7 * DAY, 365.25 * DAY)]
    return tuple(season for season in wanted if 2 <= season <= 2000) or (1,)  # noqa: PLR2004


def _own_time(table: Table, key: TimeKey, keys: Sequence[Column]) -> float:
    """Return the share of rows whose (series, time) is no other row's; of large tables for a share of the times."""
    names = ", ".join([f"c{key.column.position}", *(f"c{column.position}" for column in keys)])
    of = max(1, table.row_count // LOOKED_AT_ROWS)
    moment = f"c{key.column.position}"
    cells = f"SELECT hash({names}) AS value FROM {{source}} WHERE {moment} IS NOT NULL AND hash({moment}) % {of} = 0"
    ((distinct, rows),) = table.query(f"SELECT count(DISTINCT value), count(*) FROM ({cells})")
    return float(distinct) / float(rows) if rows else 0.0


def _possible_keys(columns: Sequence[Column], key: TimeKey, rows: int) -> list[Column]:
    usable = [
        column
        for column in columns
        if column.position != key.column.position
        and column.role in {"category", "number", "identifier"}
        and 1 < column.distinct <= max(2, rows // 4)
        and (column.numbers is None or bool(np.all(column.numbers[column.present] % 1 == 0)))
    ]
    return sorted(usable, key=lambda column: (column.numbers is not None, -column.completeness, column.distinct))[
        :MOST_KEYS
    ]


def _written_times(column: Column) -> Floats | None:
    """Return the seconds of texts that are dates and of numbers that are years, months (202403) or days (20240301)."""
    if column.role in {"constant", "empty", "unsupported", "text"} or column.distinct < 2:  # noqa: PLR2004
        return None
    if column.numbers is not None:
        if not TIME_NAME.search(column.name):
            return None
        names = [str(int(value)) for value in np.unique(column.numbers[column.present])]
    else:
        names = list(column.levels)
    step = max(1, len(names) // 500)
    if np.isfinite([_seconds(name) for name in names[::step]]).mean() < DATE_SHARE:
        return None
    return np.append([_seconds(name) for name in names], np.nan)[column.codes]


def _seconds(text: str) -> float:
    text = text.removesuffix(".0")
    found = _DATE.match(text) or _QUARTER.match(text)
    if found is not None and found.re is _QUARTER:
        return _moment(int(found[1]), 3 * int(found[2]) - 2)
    if found is not None:
        return _moment(
            *(int(part or default) for part, default in zip(found.groups(), (1, 1, 1, 0, 0, 0), strict=True))
        )
    if not text.isdigit() or len(text) not in {4, 6, 8}:
        return float("nan")
    year, month, day = int(text[:4]), int(text[4:6] or 1), int(text[6:] or 1)
    return _moment(year, month, day) if YEARS[0] <= year <= YEARS[1] else float("nan")


def _moment(year: int, month: int, day: int = 1, *clock: int) -> float:
    hour, minute, second = clock or (0, 0, 0)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return float("nan")
