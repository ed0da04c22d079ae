"""Skewness, histograms and patterns against pandas, scipy and counting by hand; what holds when a table is changed."""

import datetime as dt
import math
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from dataplatform.engine import EngineLimits
from quality_svc.profile import plan, table
from quality_svc.profile.document import ColumnProfile, Histogram
from quality_svc.profile.patterns import collapsed_patterns
from quality_svc.profile.plan import EXACT_ROWS
from quality_svc.profile.table import TableProfiler

MEBIBYTE = 2**20
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def profiles(data: pa.Table, folder: Path) -> list[ColumnProfile]:
    pq.write_table(data, folder / "table.parquet")
    return list(TableProfiler([folder / "table.parquet"], EngineLimits(256 * MEBIBYTE, 1, folder)).columns())


def column(values: Any, folder: Path, data_type: pa.DataType | None = None) -> ColumnProfile:
    array = values if isinstance(values, pa.Array) else pa.array(values, data_type)
    (found,) = profiles(pa.table({"value": array}), folder)
    return found


@pytest.fixture
def by_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have DuckDB measure small tables too, as it does large ones."""
    monkeypatch.setattr(table, "EXACT_ROWS", -1)


def native(cell: Any) -> Any:
    """What an edge of a temporal histogram is."""
    return dt.datetime.fromisoformat(cell) if isinstance(cell, str) else cell


def check_bins(histogram: Histogram, values: list[Any]) -> None:
    edges = [native(edge) for edge in histogram.edges]
    assert edges == sorted(set(edges))
    assert sum(histogram.counts) == histogram.basis == len(values)
    for low, high, count in zip(edges[:-1], edges[1:], histogram.counts, strict=True):
        assert count == sum(low <= value < high for value in values)


@FEW
@given(values=st.lists(NUMBERS, min_size=3, max_size=60))
def test_skewness_is_that_of_pandas_and_scipy(values: list[float], tmp_path: Path) -> None:
    found = column(values, tmp_path).skew
    if np.std(values) > 1e-9 * max(1, np.abs(values).max()):
        assert found == pytest.approx(pd.Series(values).skew(), rel=1e-6, abs=1e-6)
        assert found == pytest.approx(stats.skew(values, bias=False), rel=1e-6, abs=1e-6)


@FEW
@given(values=st.lists(NUMBERS, min_size=1, max_size=80))
def test_bins_hold_every_value_once_at_steps_of_one_two_five(values: list[float], tmp_path: Path) -> None:
    histogram = column(values, tmp_path).histogram
    assert histogram is not None
    check_bins(histogram, values)
    if histogram.scale == "linear":
        assert re.fullmatch(r"(?:0\.0*)?[125]0*", histogram.step)
        assert len(histogram.counts) <= 42


@FEW
@given(values=st.lists(st.datetimes(dt.datetime(1, 2, 1), dt.datetime(9998, 1, 1)), min_size=1, max_size=40))  # noqa: DTZ001
def test_bins_of_time_are_units_of_the_calendar(values: list[dt.datetime], tmp_path: Path) -> None:
    histogram = column(values, tmp_path, pa.timestamp("us")).histogram
    if histogram is not None and all(len(str(edge).partition("-")[0]) == 4 for edge in histogram.edges):
        if not {"0000", "9999"} & {str(edge)[:4] for edge in histogram.edges}:
            check_bins(histogram, values)
        assert re.fullmatch(r"\d+ (second|minute|hour|day|month|year)s?", histogram.step)


@pytest.mark.parametrize(
    ("values", "step", "first"),
    [
        (list(range(1, 7)), "1", 1),
        (list(range(18, 91)), "5", 15),
        ([row / 200 for row in range(201)], "0.05", 0.0),
        ([dt.date(2020, 1, 15) + dt.timedelta(days=30 * row) for row in range(20)], "1 month", "2020-01-01"),
        ([dt.date(1950, 6, 1) + dt.timedelta(days=365 * row) for row in range(60)], "2 years", "1950-01-01"),
        ([dt.datetime(2024, 3, 1, 8) + dt.timedelta(minutes=7 * row) for row in range(60)], "15 minutes", None),  # noqa: DTZ001
        ([dt.time(hour) for hour in range(24)], "1 hour", "00:00:00"),
    ],
)
def test_edges_are_those_a_person_would_choose(values: list[Any], step: str, first: Any, tmp_path: Path) -> None:
    histogram = column(values, tmp_path).histogram
    assert histogram is not None
    assert histogram.step == step
    assert first in {None, histogram.edges[0]}


def test_a_heavy_tail_is_flagged_and_told_in_decades(tmp_path: Path) -> None:
    values = [round(value, 2) for value in np.random.default_rng(1).pareto(0.8, 3000) * 100]
    heavy = column([*values, *(-value for value in values[:50]), 0.0], tmp_path).histogram
    assert heavy is not None
    assert (heavy.scale, heavy.heavy_tailed) == ("log", True)
    assert 0.0 in heavy.edges
    check_bins(heavy, [*values, *(-value for value in values[:50]), 0.0])
    even = column(list(np.random.default_rng(1).normal(50, 5, 3000)), tmp_path).histogram
    assert even is not None
    assert (even.scale, even.heavy_tailed) == ("linear", False)


def classes(text: str) -> str:
    names = {"Lu": "A", "Lt": "A", "Ll": "a", "Nd": "9"}
    found = ""
    for character in text:
        category = unicodedata.category(character)
        found += names.get(category) or {"L": "L", "Z": " ", "C": " ", "M": ""}.get(category[0], character)
    return found


@FEW
@given(values=st.lists(st.text("aZß7- .é字\u0301", max_size=8), min_size=1, max_size=40))
def test_patterns_are_counted_as_by_hand(values: list[str], tmp_path: Path) -> None:
    found = column(values, tmp_path).patterns
    assert found is not None
    expected = Counter(map(classes, values))
    if found.collapsed:
        expected = Counter()
        for value in values:
            expected[re.sub(r"([AaL9])\1*", r"\1+", re.sub(" +", " ", classes(value)))] += 1
    assert found.distinct == len(expected)
    assert {pattern.pattern: pattern.count for pattern in found.values}.items() <= expected.items()  # noqa: PD011


def test_runs_are_collapsed_as_by_a_regular_expression() -> None:
    generator = random.Random(1)
    given = ["".join(generator.choices("AaL9 -+.é", k=generator.randint(0, 12))) for _ in range(2000)]
    assert collapsed_patterns(given) == [re.sub(r"([AaL9])\1*", r"\1+", re.sub(" +", " ", one)) for one in given]


def mixed(rows: int, seed: int = 1) -> pa.Table:
    generator = np.random.default_rng(seed)
    return pa.table(
        {
            "whole": pa.array(generator.integers(-500, 500, rows)),
            "normal": pa.array(generator.normal(1e6, 3, rows), mask=generator.random(rows) < 0.1),
            "text": pa.array([f"{'AB'[i % 2]}-{value:03}" for i, value in enumerate(generator.integers(0, 90, rows))]),
            "day": pa.array(
                [dt.date(2020, 1, 1) + dt.timedelta(days=int(day)) for day in generator.integers(0, 900, rows)]
            ),
            "price": pa.array(generator.integers(0, 10**6, rows)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)),
        }
    )


def told(found: list[ColumnProfile]) -> list[dict[str, Any]]:
    """What is exact of profiles, moments rounded."""
    shown = [one.model_dump(exclude={"mean", "sd", "skew"}) for one in found]
    for dump, one in zip(shown, found, strict=True):
        dump |= {"sd": one.sd and f"{one.sd:.8e}", "skew": one.skew and round(one.skew, 6)}
    return shown


@pytest.mark.usefixtures("by_engine")
def test_the_engine_measures_what_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = profiles(mixed(600), tmp_path)
    monkeypatch.setattr(table, "EXACT_ROWS", EXACT_ROWS)
    held = profiles(mixed(600), tmp_path)
    assert told(scanned) == told(held)
    for one, other in zip(scanned, held, strict=True):
        if isinstance(other.mean, float):
            assert one.mean == pytest.approx(other.mean, rel=1e-12)


@pytest.mark.usefixtures("by_engine")
def test_moments_far_from_the_first_rows_are_summed_again(tmp_path: Path) -> None:
    values = np.concatenate([np.zeros(1500), 1e12 + np.random.default_rng(1).normal(0, 1, 100)])[1500:]
    shifted = np.concatenate([[0.0], np.full(5000, 1e9) + np.random.default_rng(2).normal(0, 1e-3, 5000)])
    for series in (values, shifted):
        found = column(series, tmp_path)
        assert found.sd == pytest.approx(float(np.std(series, ddof=1)), rel=1e-6)
        assert found.skew == pytest.approx(pd.Series(series).skew(), rel=1e-5)


def test_shuffled_rows_and_other_parts_give_the_same(tmp_path: Path) -> None:
    data = mixed(500)
    order = np.random.default_rng(5).permutation(500)
    assert told(profiles(data.take(pa.array(order, pa.int64())), tmp_path)) == told(profiles(data, tmp_path))


def test_a_table_twice_has_twice_the_counts_and_the_same_shares(tmp_path: Path) -> None:
    data = mixed(400)
    for once, twice in zip(profiles(data, tmp_path), profiles(pa.concat_tables([data, data]), tmp_path), strict=True):
        assert (twice.count, twice.nulls, twice.distinct) == (2 * once.count, 2 * once.nulls, once.distinct)
        assert (twice.min, twice.max, twice.quantiles and [q.value for q in twice.quantiles.values]) == (  # noqa: PD011
            once.min, once.max, once.quantiles and [q.value for q in once.quantiles.values],  # noqa: PD011
        )  # fmt: skip
        if once.histogram and twice.histogram:
            assert twice.histogram.edges == once.histogram.edges
            assert twice.histogram.counts == tuple(2 * count for count in once.histogram.counts)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([], pa.float64()),
        pa.array([1.5]),
        pa.array([None] * 5, pa.string()),
        pa.array([7] * 50),
        pa.array([f"category {row}" for row in range(10_000)]),
        pa.array([math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324]),
        pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
        pa.array([dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)]),  # noqa: DTZ001
        pa.array([2**63 - 1, -(2**63)]),
        pa.array([-(2**31), 2**31 - 2], pa.int32()).view(pa.date32()),
        pa.array([0.0, -0.0, 0.1 + 0.2]),
        pa.array([""] * 3),
    ],
    ids=[
        "empty",
        "one",
        "null",
        "constant",
        "categories",
        "infinite",
        "dates",
        "times",
        "integers",
        "days",
        "zeros",
        "blank",
    ],
)
@pytest.mark.parametrize("engine", [False, True])
def test_bad_input_gives_a_profile(values: Any, engine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine:
        monkeypatch.setattr(table, "EXACT_ROWS", -1)
    found = column(values, tmp_path, values.type)
    assert (found.count, found.nulls) == (len(values) - values.null_count, values.null_count)
    ColumnProfile.model_validate_json(found.model_dump_json())
    if found.histogram:
        assert sum(found.histogram.counts) == found.histogram.basis


def samples_of(seeds: int, rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The error of a median's rank and of a bin's cumulative share over their stated errors, for samples of seeds."""
    monkeypatch.setattr(plan, "EXACT_ROWS", 512)
    monkeypatch.setattr(table, "EXACT_ROWS", 512)
    found = []
    for seed in range(seeds):
        values = np.random.default_rng(seed).lognormal(0, 2, rows)
        one = column(values, folder)
        assert one.quantiles
        assert one.histogram
        assert not one.histogram.exact
        ranks = [abs((values <= q.value).mean() - q.p) / one.quantiles.rank_error for q in one.quantiles.values]  # type: ignore[operator]  # noqa: PD011
        shares = np.cumsum(one.histogram.counts) / one.histogram.basis
        true = [(values < edge).mean() for edge in one.histogram.edges[1:]]  # type: ignore[operator]
        found.append((max(ranks), float(np.abs(shares[:-1] - true[:-1]).max() / one.histogram.share_error)))
    return found


def test_errors_of_samples_are_within_what_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(max(pair) for pair in samples_of(20, 4_000, tmp_path, monkeypatch)) <= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_errors_of_samples_over_a_thousand_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beyond = sum(max(pair) > 1 for pair in samples_of(1_000, 4_000, tmp_path, monkeypatch))
    assert beyond <= 5, "99.9 % confidence of each allows one or two in a thousand"
