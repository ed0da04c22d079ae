"""Series of a table: which column is its time, which are its measures, and where they do not go on as before.

A table is a series where a column of dates or times is nearly a key. Tables of several series (a time that recurs for
every station) are not taken apart; that is said, not guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.anomalies.document import Series, SeriesAnomaly, SeriesKind
from quality_svc.anomalies.series.surprise import VIEWS, Floats, Surprise, once, scores_of, surprise
from quality_svc.anomalies.source import Source, SourceColumn

MAX_POINTS: Final = 500_000
MAX_MEASURES: Final = 12
SHOWN: Final = 50
_MIN_POINTS: Final = 100
_KEY: Final = 0.95
_REPORTED: Final = 0.6
_QUIET_STEPS: Final = 50
_GAP: Final = 3.0
_RARE: Final = 0.02
_DAY: Final = 86_400.0
_BOUND: Final = 3.5

_KINDS: Final[dict[str, SeriesKind]] = {
    "value": "point",
    "residual": "contextual",
    "jump": "contextual",
    "level": "level_shift",
    "spread": "variance_change",
    "calm": "variance_change",
    "quiet": "variance_change",
}
_SAID: Final = {
    "value": "outside of all values before, by {excess:.1f} standard deviations",
    "residual": "farther from what is expected here than any before, by {excess:.1f} of its spreads",
    "jump": "a larger step than any before, by {excess:.1f} of their spreads",
    "level": "the mean of the latest values left that of those before as never, by {excess:.1f} of its spreads",
    "spread": "the latest values vary more than ever, by {excess:.1f} of its spreads",
    "calm": "no movement for longer than ever, by {excess:.1f} of its spreads",
    "quiet": "the latest values vary less than ever, by {excess:.1f} of its spreads",
}


@dataclass(frozen=True)
class _Points:
    """One measure by ascending time. `rows` are data rows; null values are left out."""

    rows: npt.NDArray[np.int64]
    seconds: Floats
    values: Floats


def find_series(
    source: Source, limits: EngineLimits, *, every: bool
) -> tuple[tuple[Series, ...], list[tuple[str, str]]]:
    """Return the measures of a table over its time, and what was left out. Raises `duckdb.Error`."""
    times = [column for column in source.columns if column.temporal]
    measures = [column for column in source.columns if column.numeric]
    if not times or not measures or source.row_count < _MIN_POINTS:
        return (), []
    rows, cells = _read(source, limits, (*times, *measures[:MAX_MEASURES]))
    time = next((column for column in times if _is_key(_seconds(cells[column.position]))), None)
    if time is None:
        return (), [("series", "no column of dates or times is different in nearly every row")]
    notes = []
    if len(measures) > MAX_MEASURES or len(rows) < source.row_count:
        looked = f"{min(len(measures), MAX_MEASURES)} of {len(measures)} measures"
        notes.append(("series", f"looked at {looked} in the last {len(rows):,} of {source.row_count:,} rows"))
    seconds = _seconds(cells[time.position])
    made = []
    for column in measures[:MAX_MEASURES]:
        points = _points(rows, seconds, cells[column.position])
        if points is not None:
            made.append(_series(time.name, column.name, points, source.row_count, every=every))
    return tuple(made), notes


def _read(
    source: Source, limits: EngineLimits, columns: Sequence[SourceColumn]
) -> tuple[npt.NDArray[np.int64], dict[int, Any]]:
    names = "".join(f", c{column.position}" for column in columns)
    first = max(0, source.row_count - MAX_POINTS)
    tables = []
    with open_engine(limits, ordered=True) as connection:
        for part, offset in zip(source.parts, source.offsets, strict=True):
            query = f"SELECT r + {offset} AS n{names} FROM {source.scan(part)} WHERE r + {offset} >= {first}"
            tables.append(connection.execute(query).to_arrow_table())
    whole = pa.concat_tables(tables)
    rows = whole.column(0).to_numpy().astype(np.int64)
    return rows, {column.position: whole.column(place + 1) for place, column in enumerate(columns)}


def _seconds(cells: Any) -> Floats:
    """Return times as seconds since 1970; NaN for null."""
    moments = pc.cast(pc.cast(cells, pa.timestamp("us"), safe=False), pa.int64())
    made: Floats = pc.cast(moments, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64) / 1e6
    return made


def _is_key(seconds: Floats) -> bool:
    known = seconds[np.isfinite(seconds)]
    return len(known) >= _KEY * len(seconds) and len(np.unique(known)) >= _KEY * len(known)


def _points(rows: npt.NDArray[np.int64], seconds: Floats, cells: Any) -> _Points | None:
    """Return the finite values in the order of time; None where they are too few, or no measure."""
    values = pc.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(seconds) & (np.abs(values) < 1e150))  # noqa: PLR2004
    if len(known) < _MIN_POINTS or len(np.unique(values[known])) < 3:  # noqa: PLR2004 - a flag is no measure
        return None
    order = known[np.argsort(seconds[known], kind="stable")]
    ordered = values[order]
    if np.all(np.diff(ordered) == np.diff(ordered)[0]):
        return None  # a running number
    return _Points(rows[order], seconds[order], ordered)


def season_of(step: float) -> int | None:
    """Return the calendar's season in steps: a day, for daily values a week, for months and quarters a year."""
    if step <= 0:
        return None
    for longest, period in ((_DAY / 4, _DAY), (1.5 * _DAY, 7 * _DAY), (100 * _DAY, 365.25 * _DAY)):
        if step <= longest and 3 <= round(period / step) <= 20_000:  # noqa: PLR2004
            return round(period / step)
    return None


def _series(time: str, name: str, points: _Points, row_count: int, *, every: bool) -> Series:
    step = float(np.median(np.diff(points.seconds)))
    season = season_of(step)
    looked = surprise(points.values, season)
    scores = once(scores_of(looked.excess), _QUIET_STEPS)
    events = _events(name, points, looked, scores) + _gaps(name, points, step)
    by_row = None
    if every:
        placed = np.full(row_count, np.nan)
        placed[points.rows] = np.round(scores, 6)
        by_row = tuple(None if np.isnan(score) else score for score in placed.tolist())
    strongest = sorted(events, key=lambda event: (-event.score, event.first_row))[:SHOWN]
    return Series(
        column=name,
        time_column=time,
        step_seconds=step,
        season=season,
        anomalies=tuple(sorted(strongest, key=lambda event: event.begins)),
        scores=by_row,
    )


def _events(name: str, points: _Points, looked: Surprise, scores: Floats) -> list[SeriesAnomaly]:
    """Return stretches that begin with a reported score and end where nothing has been surprising for a while."""
    starts = np.flatnonzero(scores >= _REPORTED)
    events: list[SeriesAnomaly] = []
    place = 0
    while place < len(starts):
        first = last = int(starts[place])
        while place + 1 < len(starts) and starts[place + 1] - last <= _QUIET_STEPS:
            place += 1
            last = int(starts[place])
        place += 1
        peak = first + int(np.argmax(scores[first : last + 1]))
        view = VIEWS[int(looked.view[peak])]
        margin = _BOUND * float(looked.spread[peak])
        expected = float(looked.expected[peak])
        said = _SAID[view].format(excess=float(looked.excess[peak]))
        events.append(
            SeriesAnomaly(
                column=name,
                kind=_KINDS[view],
                first_row=int(points.rows[first]),
                last_row=int(points.rows[last]),
                begins=_iso(points.seconds[first]),
                ends=_iso(points.seconds[last]),
                score=float(scores[peak]),
                evidence=f"{points.values[peak]:.6g}: {said}",
                expected=expected,
                lower=expected - margin,
                upper=expected + margin,
                observed=float(points.values[peak]),
            )
        )
    return events


def _gaps(name: str, points: _Points, step: float) -> list[SeriesAnomaly]:
    """Return pauses of more than three steps, where pauses are rare."""
    steps = np.diff(points.seconds)
    long = np.flatnonzero(steps > _GAP * step)
    if step <= 0 or not len(long) or len(long) > _RARE * len(steps):
        return []
    return [
        SeriesAnomaly(
            column=name,
            kind="gap",
            first_row=int(points.rows[place]),
            last_row=int(points.rows[place + 1]),
            begins=_iso(points.seconds[place]),
            ends=_iso(points.seconds[place + 1]),
            score=float(1 - step / steps[place]),
            evidence=f"no value for {steps[place] / step:.0f} steps of {step:g} s",
        )
        for place in long.tolist()
    ]


def _iso(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s"))
