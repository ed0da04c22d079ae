"""The sketch of distinct values: its stated error holds, order and repetition do not matter, and it merges."""

import functools
import statistics
from collections.abc import Callable, Iterator

import duckdb
import pytest

from quality_svc.profile.distinct import SKETCH_BYTES, estimate, merged, sketch_sql

Sketch = Callable[[str], bytes]


@pytest.fixture
def sketch() -> Iterator[Sketch]:
    """Sketches the column `v` of a query."""
    with duckdb.connect(config={"threads": 1}) as connection:

        def run(query: str) -> bytes:
            found = connection.execute(f"SELECT {sketch_sql('v')} FROM ({query})").fetchall()[0][0]
            assert isinstance(found, bytes)
            return found

        yield run


@pytest.mark.parametrize(("count", "seeds"), [(10, 30), (1000, 60), (50_000, 40), (1_000_000, 3)])
def test_the_stated_error_is_the_observed_one(count: int, seeds: int, sketch: Sketch) -> None:
    errors, stated = [], 0.0
    for seed in range(seeds):
        value, stated = estimate(sketch(f"SELECT i + {seed * 10**9} AS v FROM range({count}) t(i)"))
        errors.append(value / count - 1)
    assert all(abs(error) <= 4.5 * stated + 0.5 / count for error in errors)
    if seeds >= 30 and count >= 1000:
        assert statistics.pstdev(errors) == pytest.approx(stated, rel=0.4)
        assert abs(statistics.fmean(errors)) < stated


def test_repetition_and_order_and_nulls_do_not_change_the_sketch(sketch: Sketch) -> None:
    once = sketch("SELECT i AS v FROM range(1000) t(i)")
    often = sketch("SELECT CASE WHEN i % 3 > 0 THEN (i * 7919) % 1000 END AS v FROM range(9000) t(i)")
    assert len(once) == SKETCH_BYTES
    assert once == often


def test_merging_is_the_union(sketch: Sketch) -> None:
    low, high = sketch("SELECT i AS v FROM range(0, 700) t(i)"), sketch("SELECT i AS v FROM range(500, 1000) t(i)")
    assert merged(low, high) == merged(high, low) == sketch("SELECT i AS v FROM range(1000) t(i)")


@pytest.mark.parametrize(
    "value",
    [
        "i::DOUBLE / 7",
        "'k' || i",
        "DATE '2000-01-01' + i::INT",
        "[i, i + 1]",
        "{'a': i}",
        "i::HUGEINT << 70",
        "i::BLOB",
    ],
)
def test_every_type_spreads_well_enough(value: str, sketch: Sketch) -> None:
    value = value.replace("i::BLOB", "encode('b' || i)")
    found, stated = estimate(sketch(f"SELECT {value} AS v FROM range(20_000) t(i)"))
    assert abs(found / 20_000 - 1) <= 5 * stated


def test_an_empty_sketch_counts_nothing() -> None:
    assert estimate(bytes(SKETCH_BYTES)) == (0.0, 0.0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_stated_error_holds_over_a_thousand_seeds(sketch: Sketch) -> None:
    found = [
        (estimate(sketch(f"SELECT i + {seed * 10**9} AS v FROM range({count}) t(i)")), count)
        for seed in range(1_000)
        for count in [100 * 3 ** (seed % 8)]
    ]
    off = [(value / count - 1) / max(stated, 1e-9) for (value, stated), count in found]
    # among few values a collision is one whole value, so errors come in steps of more than a standard error
    assert all(abs(value / count - 1) <= 5 * stated + 2.5 / count for (value, stated), count in found)
    assert statistics.pstdev(off) == pytest.approx(1, rel=0.15)
    assert all(stated < 0.006 for (_, stated), _ in found)


def test_merging_in_any_order_gives_the_same(sketch: Sketch) -> None:
    parts = [sketch(f"SELECT i AS v FROM range({start}, {start + 400}) t(i)") for start in range(0, 2_000, 250)]
    whole = functools.reduce(merged, parts)
    assert whole == functools.reduce(merged, reversed(parts)) == functools.reduce(merged, sorted(parts))
