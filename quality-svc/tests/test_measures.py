"""Each measure against an independent computation, and each score against the rows that it links to."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from dataplatform.engine import EngineLimits
from quality_svc.checks.context import (
    NO_CONTEXT,
    DeclaredRange,
    Dependency,
    Lineage,
    Reference,
    RuleTally,
    TableContext,
)
from quality_svc.checks.interface import Measurement, TableFacts, measure_table, registered_checks
from quality_svc.checks.rows import offending, unique_names
from quality_svc.profile.table import TableProfiler

DAY = 86_400


def stored(folder: Path, *parts: pa.Table) -> tuple[Path, ...]:
    paths = tuple(folder / f"part-{number}.parquet" for number in range(len(parts)))
    for path, part in zip(paths, parts, strict=True):
        pq.write_table(part, path)
    return paths


def measured(
    folder: Path, *parts: pa.Table, context: TableContext = NO_CONTEXT
) -> tuple[Mapping[str, Measurement], tuple[Path, ...]]:
    paths = stored(folder, *parts)
    limits = EngineLimits(128 << 20, 1, folder)
    profiler = TableProfiler(paths, limits)
    facts = TableFacts(profiler.row_count, list(profiler.columns()), paths, limits, context)
    return {found.name: found for found in measure_table(registered_checks(), facts)}, paths


def items(measurement: Measurement, paths: tuple[Path, ...], folder: Path) -> list[tuple[int | None, str | None]]:
    if measurement.query is None:
        return []
    return offending(paths, EngineLimits(128 << 20, 1, folder), measurement.query)


def mixed() -> pa.Table:
    """A table with something wrong in every dimension; its rows are neither empty nor alike."""
    n = 60
    return pa.table(
        {
            "id": pa.array([*range(n - 1), 0]),
            "Price": pa.array([*[10.0 + i % 7 for i in range(n - 4)], 1e6, float("nan"), float("inf"), None]),
            "price": pa.array([None if i % 9 == 0 else i % 5 for i in range(n)], pa.int16()),
            "mail": [f"user{i}@example.org" for i in range(n - 2)] + ["nobody", ""],
            "code": [f"AB-{i}" for i in range(n - 3)] + ["AB/7", None, "x"],
            "city": ["Rome" if i % 2 else "Oslo" for i in range(n - 1)] + ["Rom"],
            "country": ["IT" if i % 2 else "NO" for i in range(n - 1)] + ["NO"],
            "when": [date(2024, 1, 1 + i % 28) for i in range(n)],
            "Unnamed: 8": pa.array([None] * n, pa.string()),
            'it\'s "odd"': [None, *["v"] * (n - 1)],
        }
    )


def told(folder: Path) -> TableContext:
    other = folder / "cities.parquet"
    pq.write_table(pa.table({"name": ["Rome", "Oslo", "Paris"]}), other)
    return TableContext(
        target='it\'s "odd"',
        formats={"code": "AB-[0-9]+"},
        ranges={
            "Price": DeclaredRange("0", "100"),
            "when": DeclaredRange("2024-01-05"),
            "price": DeclaredRange(None, "3"),
        },
        decimals={"Price": 1},
        max_age_seconds={"when": 10 * DAY},
        reference_time=datetime(2024, 1, 20, tzinfo=UTC),
        arrivals=(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)),
        frequency_seconds=7 * DAY,
        descriptions={"id": "Number", "mail": " "},
        dependencies=(Dependency(("country",), "city"),),
        references=(Reference("city", (other,), "name"),),
        lineage=Lineage("0" * 64, "csv", frozenset({"id", "mail"}), ((3, "id"), (3, "id"), (4, "mail"))),
        rules=(RuleTally("r1", met=True), RuleTally("r2", met=False), RuleTally("r3", met=None)),
        contract=(RuleTally("c1", met=False, critical=True),),
    )


@pytest.mark.parametrize("cut", [60, 17])
def test_every_score_links_to_exactly_the_items_that_lower_it(tmp_path: Path, cut: int) -> None:
    table, whole = mixed(), {"completeness_rows", "consistency_duplicates"}
    parts = [table.slice(0, cut), table.slice(cut)] if cut < 60 else [table]
    found, paths = measured(tmp_path, *parts, context=told(tmp_path))
    assert set(found) == {check.name for check in registered_checks()}
    for measurement in found.values():
        if measurement.name != "privacy_columns":
            assert measurement.denominator, f"{measurement.name}: {measurement.reason}"
            assert measurement.numerator < measurement.denominator or measurement.name in whole
        linked = items(measurement, paths, tmp_path)
        assert len(linked) == len(set(linked)) == measurement.denominator - measurement.numerator, measurement.name


def test_measures_are_what_pandas_and_scipy_compute(tmp_path: Path) -> None:
    table = mixed()
    found, paths = measured(tmp_path, table.slice(0, 20), table.slice(20), context=told(tmp_path))
    frame = table.to_pandas()
    price = pd.Series(table["Price"].to_pylist(), dtype=object)
    finite = price.map(lambda x: x is not None and math.isfinite(x))
    values = price[finite].astype(float)

    def share(name: str) -> tuple[int, int]:
        return found[name].numerator, found[name].denominator

    days: list[Any] = table["when"].to_pylist()
    nulls = {(row, name) for name in table.column_names for row, v in enumerate(table[name].to_pylist()) if v is None}
    assert share("completeness_cells") == (600 - len(nulls), 600)
    assert set(items(found["completeness_cells"], paths, tmp_path)) == nulls
    assert share("completeness_columns") == (9, 10)
    assert share("completeness_labels") == (59, 60)
    outliers = set()
    for name in ("id", "Price", "price"):
        column = pd.Series(table[name].to_pylist(), dtype="float64").replace([math.inf, -math.inf], math.nan).dropna()
        spread = median_abs_deviation(column)
        z = 0.6745 * (column - column.median()).abs() / spread
        outliers |= {(int(row), name) for row in z[z > 3.5].index}
    assert set(items(found["accuracy_outliers"], paths, tmp_path)) == outliers == {(56, "Price")}
    assert share("accuracy_range")[1] == 59 + 60 + int(frame["price"].notna().sum())
    below = {(row, "when") for row, v in enumerate(days) if v < date(2024, 1, 5)}
    above = {(row, "price") for row, v in enumerate(frame["price"]) if v > 3}
    assert set(items(found["accuracy_range"], paths, tmp_path)) == below | above | {
        (56, "Price"), (57, "Price"), (58, "Price"),
    }  # fmt: skip
    assert share("precision_values") == (0, len(values))
    old = {(row, "when") for row, v in enumerate(days) if v < date(2024, 1, 10)}
    assert set(items(found["currentness_values"], paths, tmp_path)) == old
    assert items(found["consistency_dependencies"], paths, tmp_path) == [(59, "city")]
    assert items(found["consistency_references"], paths, tmp_path) == [(59, "city")]
    assert share("timeliness_arrivals") == (1, 2)
    assert share("traceability_values") == (120, 600 - len(nulls))
    assert share("credibility_values") == (598, 600)
    assert found["consistency_rules"].scored().coverage == pytest.approx(2 / 3)
    assert items(found["understandability_names"], paths, tmp_path) == [
        (None, "Price"), (None, "price"), (None, "Unnamed: 8"),
    ]  # fmt: skip
    assert share("understandability_descriptions") == (1, 10)


@pytest.mark.parametrize("seed", range(6))
def test_outliers_are_the_same_whether_quartiles_prove_there_are_none_or_rows_are_looked_at(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    made = {
        "normal": [random.gauss(0, 1) for _ in range(400)],
        "uniform": [random.random() for _ in range(400)],
        "two heaps": [random.choice([0, 100]) + random.random() for _ in range(400)],
        "steps": [float(random.randrange(4)) for _ in range(400)],
        "heavy": [random.paretovariate(1.2) for _ in range(400)],
        "one": [*[random.uniform(9, 11) for _ in range(399)], 16.0 + seed],
    }
    found, paths = measured(tmp_path, pa.table(made))
    expected = set()
    for name, values in made.items():
        column = pd.Series(values)
        z = 0.6745 * (column - column.median()).abs() / (median_abs_deviation(column) or math.inf)
        expected |= {(int(row), name) for row in z[z > 3.5].index}
    assert set(items(found["accuracy_outliers"], paths, tmp_path)) == expected


def test_formats_are_inferred_and_what_breaks_them_is_found(tmp_path: Path) -> None:
    found, paths = measured(tmp_path, mixed())
    assert set(items(found["accuracy_format"], paths, tmp_path)) == {(58, "mail"), (59, "mail")}
    assert set(items(found["consistency_format"], paths, tmp_path)) >= {(57, "code"), (59, "code"), (58, "mail")}
    free = pa.table({"text": [f"word {'and word ' * (i % 5)}end" for i in range(50)], "name": ["a", "b c"] * 25})
    (tmp_path / "free").mkdir()
    found, _ = measured(tmp_path / "free", free)
    assert (found["accuracy_format"].score, found["accuracy_format"].reason) == (None, "no_format")
    assert (found["consistency_format"].score, found["consistency_format"].reason) == (None, "no_dominant_format")
    assert found["accuracy_format"].eligible == 100


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2) | st.none(), st.sampled_from(["a", "", None])), min_size=1, max_size=12))
def test_duplicates_and_empty_rows_are_those_of_pandas(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    table = pa.table({"n": pa.array([r[0] for r in rows], pa.int8()), "t": pa.array([r[1] for r in rows], pa.string())})
    found, paths = measured(folder, table)
    repeats = [index for index in range(len(rows)) if rows[index] in rows[:index]]
    assert items(found["consistency_duplicates"], paths, folder) == [(row, None) for row in repeats]
    empty = [index for index, row in enumerate(rows) if row == (None, None)]
    assert items(found["completeness_rows"], paths, folder) == [(row, None) for row in empty]


def test_shuffling_changes_nothing_and_doubling_only_duplicates(tmp_path: Path) -> None:
    table = mixed()
    order = sorted(range(60), key=lambda row: hash((row, 7)) % 1009)
    folders = [tmp_path / name for name in ("as is", "shuffled", "doubled")]
    for folder in folders:
        folder.mkdir()
    context = told(tmp_path)
    plain, _ = measured(folders[0], table, context=context)
    shuffled, _ = measured(folders[1], table.take(order), context=context)
    doubled, _ = measured(folders[2], pa.concat_tables([table, table]), context=context)
    moved = {"credibility_values"}  # names cells by their rows
    for name in plain.keys() - moved:
        assert plain[name].score == shuffled[name].score, name
    assert doubled["completeness_cells"].score == plain["completeness_cells"].score
    assert plain["consistency_duplicates"].score == 1
    assert doubled["consistency_duplicates"].score == 0.5


@pytest.mark.parametrize(
    "table",
    [
        pa.table({}),
        pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
        pa.table({"a": pa.array([None] * 3, pa.null()), "b": pa.array([None] * 3, pa.float64())}),
        pa.table({"a": [1]}),
        pa.table({"a": [5] * 9, "b": ["x"] * 9}),
        pa.table({"a": [float("nan"), float("inf"), float("-inf")] * 3}),
        pa.table({"a": [date(1, 1, 1), date(9999, 12, 31)], "b": [datetime(1, 1, 1), datetime(9999, 12, 31)]}),  # noqa: DTZ001
        pa.table({"a": [[1], None], "b": [{"x": 1}, None], "c": [b"\x00", None], "row_number": [1, 2]}),
    ],
    ids=["nothing", "no rows", "all null", "one row", "constant", "not finite", "far dates", "nested"],
)
def test_odd_tables_are_measured_or_not_and_never_an_error(tmp_path: Path, table: pa.Table) -> None:
    found, paths = measured(tmp_path, table)
    for measurement in found.values():
        assert len(items(measurement, paths, tmp_path)) == measurement.denominator - measurement.numerator
        assert (measurement.score is None) == (measurement.denominator == 0)
        assert measurement.score is not None or measurement.reason, measurement.name


def test_without_context_what_needs_it_is_not_measured(tmp_path: Path) -> None:
    found, _ = measured(tmp_path, mixed())
    needing = {
        "completeness_labels", "accuracy_range", "consistency_dependencies", "consistency_references",
        "consistency_rules", "compliance_contract", "currentness_values", "timeliness_arrivals", "traceability_values",
        "credibility_values", "precision_values", "understandability_descriptions",
    }  # fmt: skip
    for name in needing:
        assert (found[name].score, found[name].query) == (None, None)
        assert found[name].reason


def test_a_measure_that_needs_too_much_memory_is_not_measured_and_the_others_are(tmp_path: Path) -> None:
    n = 60_000
    table = pa.table({"a": [f"{i % 50_000:0200d}" for i in range(n)], "b": [i % 7 for i in range(n)]})
    paths = stored(tmp_path, table)
    columns = list(TableProfiler(paths, EngineLimits(256 << 20, 1, tmp_path)).columns())
    blocked = tmp_path / "no folder"
    blocked.write_text("so nothing can spill")
    facts = TableFacts(n, columns, paths, EngineLimits(2 << 20, 1, blocked))
    found = {measurement.name: measurement for measurement in measure_table(registered_checks(), facts)}
    assert (found["consistency_duplicates"].score, found["consistency_duplicates"].reason) == (
        None,
        "memory_limit_exceeded",
    )
    assert found["completeness_cells"].score == 1


def test_names_are_unique_to_sql() -> None:
    assert unique_names(["a", "A", "", "", "a_1"]) == ("a", "A_1", "column", "column_1", "a_1_1")
