"""Coverage of time: the rhythm of dates, their gaps, and those of each group of a panel."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from quality_svc.relations import Relations
from quality_svc.relations.document import TimeCoverage

Find = Callable[..., Relations]


def covered(find: Find, moments: "pd.DatetimeIndex | pa.Array[Any]") -> TimeCoverage:
    values = moments if isinstance(moments, pa.Array) else pa.array(moments.to_numpy(), pa.timestamp("us"))
    (found,) = find(pa.table({"at": values})).coverage
    return found


@pytest.mark.parametrize(
    ("frequency", "granularity", "unit"),
    [
        ("s", "second", "second"),
        ("15min", "15 minutes", "minute"),
        ("h", "hour", "hour"),
        ("4h", "4 hours", "hour"),
        ("D", "day", "day"),
        ("B", "day", "weekday"),
        ("W-TUE", "week", "week"),
        ("MS", "month", "month"),
        ("ME", "month", "month"),
        ("QE", "quarter", "quarter"),
        ("YS", "year", "year"),
        ("2YS", "2 years", "year"),
    ],
)
def test_the_rhythm_is_named(find: Find, frequency: str, granularity: str, unit: str) -> None:
    found = covered(find, pd.date_range("1964-02-28", periods=60, freq=frequency))
    named = "weekday" if frequency == "B" else granularity
    assert (found.granularity, found.unit, found.missing) == (named, unit, 0)
    assert found.expected == found.present == 60


@pytest.mark.parametrize("frequency", ["h", "D", "MS", "B"])
def test_gaps_are_found_with_their_length(find: Find, frequency: str) -> None:
    moments = pd.date_range("2023-01-02", periods=200, freq=frequency)
    found = covered(find, moments.delete([*range(50, 57), 120]))
    assert (found.missing, found.gap_count, found.expected, found.present) == (8, 2, 200, 192)
    assert [gap.periods for gap in found.gaps] == [7, 1]
    assert pd.Timestamp(found.gaps[0].after) == moments[49]
    assert pd.Timestamp(found.gaps[0].before) == moments[57]


def test_moments_without_a_rhythm_are_irregular(find: Find) -> None:
    random = np.random.default_rng(10)
    moments = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 10**9, 500)), unit="s")
    found = covered(find, pd.DatetimeIndex(moments))
    assert (found.granularity, found.missing) == ("irregular", 0)


def test_the_ends_of_the_calendar_and_infinity(find: Find) -> None:
    days = pa.array([date(1, 1, 1), date(9999, 12, 31), None, date(2024, 5, 5)])
    (found,) = find(pa.table({"at": days})).coverage
    assert (found.first, found.last, found.distinct) == ("0001-01-01", "9999-12-31", 3)


def test_a_zone_is_kept(find: Find) -> None:
    moments = pa.array([datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)], pa.timestamp("us", "UTC"))
    assert covered(find, moments).first == "2024-01-01T00:00:00Z"


def panel() -> pd.DataFrame:
    months = pd.date_range("2020-01-31", periods=36, freq="ME")
    grid = pd.MultiIndex.from_product([[f"s{n}" for n in range(20)], months], names=["shop", "month"])
    frame = grid.to_frame(index=False)
    frame["sales"] = np.random.default_rng(11).normal(size=len(frame)).round(1)
    return frame


def test_a_panel_shows_itself(find: Find) -> None:
    (found,) = find(panel()).coverage
    (group,) = found.panels
    assert (group.by, group.groups, group.balanced, group.missing, group.filled) == ("shop", 20, True, 0, 1.0)


def test_what_each_group_misses_is_told(find: Find) -> None:
    frame = panel()
    gone = (frame["shop"] == "s3") & frame["month"].between("2021-01-01", "2021-05-01")
    late = (frame["shop"] == "s5") & (frame["month"] < "2020-06-01")
    (found,) = find(frame[~gone & ~late], parts=2).coverage
    (group,) = found.panels
    assert (group.groups_with_gaps, group.missing, group.balanced) == (1, 4, False)
    assert (group.worst[0].value, group.worst[0].missing, group.worst[0].first) == ("s3", 4, "2020-01-31T00:00:00")
    assert (group.periods_min, group.periods_max) == (31, 36)


def test_events_of_a_day_are_no_panel(find: Find) -> None:
    random = np.random.default_rng(12)
    frame = pd.DataFrame({"day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, 2000), unit="D")})
    frame["customer"] = random.integers(0, 500, 2000)
    (found,) = find(frame).coverage
    assert (found.granularity, found.panels) == ("day", ())


def test_too_many_moments_are_cut_and_said_so(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quality_svc.relations.coverage.MOMENTS", 1000)
    found = find(pa.table({"at": pa.array(pd.date_range("1969-12-31", periods=5000, freq="7s"), pa.timestamp("us"))}))
    assert found.coverage[0].distinct == 5000
    assert found.coverage[0].granularity == "minute"
    assert "cut to the minute" in found.skipped[0].reason
