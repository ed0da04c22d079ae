"""A profile merged from items is the profile of a single pass: the same shape, the same numbers, in any order."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.partitions.items import WorkItem, cut
from quality_svc.partitions.merging import EXTREMES, MOMENTS, RULES, MergedProfiler, PartialsMissingError, Powers
from quality_svc.partitions.running import partitioned
from quality_svc.partitions.scanning import HASHES, scan
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.expressions import facts_sql
from quality_svc.profile.kinds import kind_of
from quality_svc.profile.moments import moments_of
from quality_svc.profile.plan import ColumnPlan
from quality_svc.profile.table import TableProfiler, UnreadableTableError

Make = Callable[..., Any]
"""Cuts a table into items: see conftest."""
Kinds = Callable[..., pa.Table]
ROWS = 5_000

pytestmark = pytest.mark.usefixtures("small_samples")


def assert_same(merged: list[ColumnProfile], whole: list[ColumnProfile]) -> None:
    """All but the moments is equal; they are, to the digits that a double keeps of such sums."""
    assert [column.name for column in merged] == [column.name for column in whole]
    for one, other in zip(merged, whole, strict=True):
        left, right = one.model_dump(), other.model_dump()
        for name in ("mean", "sd", "skew"):
            found, expected = left.pop(name), right.pop(name)
            if isinstance(expected, float):
                assert found == pytest.approx(expected, rel=1e-7, abs=1e-9), (one.name, name)
            elif isinstance(expected, str):
                assert abs(moment(found) - moment(expected)) < pd.Timedelta("1ms"), (one.name, name)
            else:
                assert found is expected is None, (one.name, name)
        for side in (left, right):
            if side["lengths"]:
                side["lengths"]["mean"] = round(side["lengths"]["mean"], 9)
        assert left == right


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text if "-" in text else f"2000-01-01T{text}")


@pytest.mark.parametrize(("parts", "group"), [(1, 1_000), (3, 700)])
def test_items_merge_to_the_profile_of_a_single_pass(split: Make, parts: int, group: int, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), parts, group)
    for item in table.items:
        table.scan(item)
    assert len(table.items) >= 5
    assert_same(table.merged(), table.whole())


def test_any_order_gives_the_same_to_the_last_bit(split: Make, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), 2, 1_000)
    for item in table.items:
        table.scan(item)
    first = table.merged()
    shuffled = list(table.partials.items())
    for seed in range(3):
        random.Random(seed).shuffle(shuffled)
        table.partials = dict(shuffled)
        assert table.merged() == first


def test_an_item_measured_twice_counts_once(split: Make, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), 1, 3_000)
    for item in table.items:
        table.scan(item)
    first = table.merged()
    for item in (*table.items, *table.items[:2]):
        table.scan(item, "again")
    assert table.merged() == first


def test_however_it_is_cut_the_numbers_are_the_same(split: Make, all_kinds: Kinds) -> None:
    fine, coarse = split(all_kinds(ROWS), 1, 1_000), split(all_kinds(ROWS), 1, 1_000, 200_000)
    for table in (fine, coarse):
        for item in table.items:
            table.scan(item, f"of-{len(table.items)}")
    assert 1 < len(coarse.items) < len(fine.items)
    assert_same(fine.merged(), coarse.merged())


def test_an_item_needs_no_more_of_its_part_than_footer_and_range(split: Make, tmp_path: Path, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), 2, 2_000)
    for item in table.items:
        table.scan(item)
    expected = table.merged()
    limits = EngineLimits(256 << 20, 1, tmp_path)
    for item in table.items:
        holed = [holes(part, item if number == item.part else None) for number, part in enumerate(table.parts)]
        out = tmp_path / f"holed-{item.number}.parquet"
        scan(holed, item, limits, out)
        table.partials[item.number] = out
    assert_same(table.merged(), expected)


def holes(part: Path, item: WorkItem | None) -> Path:
    """A copy of a part with zeros wherever neither the footer nor the item's row groups are."""
    whole = part.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    start, end = (item.start, item.end) if item else (0, 0)
    kept = bytes(start) + whole[start:end] + bytes(footer - end) + whole[footer:]
    copy = part.with_name(f"holed-{part.name}")
    copy.write_bytes(kept)
    return copy


def test_every_fact_of_a_profile_has_a_rule_to_merge_by() -> None:
    known = {*RULES, *EXTREMES, *MOMENTS, "distinct", "length", HASHES}
    for name in ("BIGINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "TIME", "BOOLEAN", "BLOB", "INTEGER[]", "UUID"):
        for level in (0, 3):
            plan = ColumnPlan(0, "c", None, "string", level, pa.string())
            assert set(facts_sql(plan, kind_of(name), name, 128)) <= known


def test_lists_that_duckdb_hashes_alike_are_told_apart(split: Make) -> None:
    lists = [[0] * (n % 50) for n in range(ROWS)]
    table = split(pa.table({"list": lists, "many": [[0] * (n % 2) + [n % 3_000] for n in range(ROWS)]}), 1, 3_000)
    for item in table.items:
        table.scan(item)
    for column, expected in zip(table.merged(), (50, 3_000), strict=True):
        assert column.distinct is not None
        assert column.distinct.value == pytest.approx(expected, rel=4 * (column.distinct.relative_error or 0))
    assert_same(table.merged(), table.whole())


def test_items_cover_every_row_once(all_kinds: Kinds) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(all_kinds(1_000), sink, row_group_size=70)
    footer = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    for item_bytes in (1, 20_000, 10**9):
        items = cut([footer, footer], item_bytes)
        for part in (0, 1):
            own = [item for item in items if item.part == part]
            assert sum(item.rows for item in own) == 1_000
            assert [item.first_row for item in own[1:]] == [item.first_row + item.rows for item in own[:-1]]
        assert [item.number for item in items] == list(range(len(items)))


def test_a_missing_item_is_refused(split: Make, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), 1, 3_000)
    table.scan(table.items[0])
    with pytest.raises(PartialsMissingError):
        MergedProfiler(table.parts, table.items, table.partials)


def test_a_damaged_partial_is_refused(split: Make, all_kinds: Kinds) -> None:
    table = split(all_kinds(ROWS), 1, 9_000)
    out = table.scan(table.items[0])
    damaged = bytearray(out.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    out.write_bytes(damaged)
    with pytest.raises((UnreadableTableError, PartialsMissingError)):
        table.merged()


@pytest.mark.parametrize("seed", range(5))
def test_moments_add_up_as_pandas_says(seed: int) -> None:
    made = np.random.default_rng(seed)
    values = np.exp(made.normal(size=1_000)) * 10.0 ** made.integers(-3, 3) + made.integers(-5, 5)
    pieces = np.split(values, np.sort(made.choice(np.arange(3, 997), 6, replace=False)))
    powers = None
    for piece in pieces:
        moments = moments_of(piece)
        if moments is not None:
            one = Powers.of(len(piece), moments)
            powers = one if powers is None else powers.plus(one)
    assert powers is not None
    found, expected = powers.moments(), pd.Series(values)
    assert found.mean == pytest.approx(expected.mean())
    assert found.sd == pytest.approx(expected.std())
    assert found.skew == pytest.approx(expected.skew())


def errors_of(split: Make, limits: EngineLimits, seed: int) -> dict[str, float]:
    """Errors of one merged profile, each in terms of what is stated: at most 1 where it holds."""
    made = np.random.default_rng(seed)
    values = np.exp(made.normal(0, 3, 5_000))[made.integers(0, 5_000, 6_000)]
    names = made.integers(0, 4_000, 6_000)
    frame: Any = {"v": values, "n": [f"{seed} {name}" for name in names]}
    table = split(pa.table(frame), 1, 1_500)
    for item in table.items:
        table.scan(item)
    number, text = table.merged()
    assert number.quantiles is not None
    assert text.top is not None
    quantiles, top = dict(number.quantiles)["values"], dict(text.top)["values"]
    ranks = [abs((values <= quantile.value).mean() - quantile.p) for quantile in quantiles]
    shares = [abs(one.count / text.top.basis - (names == int(one.value.split()[1])).mean()) for one in top]
    return {
        "rank": max(ranks) / number.quantiles.rank_error,
        "share": max(shares) / text.top.share_error,
        "number": missed(number, len(np.unique(values))),
        "text": missed(text, len(np.unique(names))),
    }


def missed(column: ColumnProfile, distinct: int) -> float:
    """How many standard errors the distinct count is off."""
    assert column.distinct is not None
    assert column.distinct.relative_error
    return (column.distinct.value / distinct - 1) / column.distinct.relative_error


def assert_within_what_is_stated(found: pd.DataFrame) -> None:
    """Ranks and shares hold with 99.9 %; distinct counts miss by their standard error, and not to one side."""
    seeds = len(found)
    for name in ("rank", "share"):
        assert (found[name] > 1).sum() <= max(1, 3 * seeds // 1_000), name
    for name in ("number", "text"):
        assert found[name].std() < 1.25
        assert abs(found[name].mean()) < 4 / seeds**0.5
        assert (found[name].abs() > 4).sum() == 0


def test_errors_are_within_what_is_stated(split: Make, limits: EngineLimits) -> None:
    assert_within_what_is_stated(pd.DataFrame([errors_of(split, limits, seed) for seed in range(6)]))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_errors_are_within_what_is_stated_over_a_thousand_seeds(split: Make, limits: EngineLimits) -> None:
    assert_within_what_is_stated(pd.DataFrame([errors_of(split, limits, seed) for seed in range(1_000)]))


def test_threads_run_items_of_a_table(
    stored: Callable[..., list[Path]], limits: EngineLimits, all_kinds: Kinds
) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - of this test alone

    parts = stored(all_kinds(ROWS), 2, 1_000)
    with ThreadPoolExecutor(2) as executor, partitioned(parts, limits, executor, 100_000) as profiler:
        merged = list(profiler.columns())
        assert profiler.row_count == ROWS
    assert_same(merged, list(TableProfiler(parts, limits).columns()))
    assert not [path for path in limits.scratch.iterdir() if path not in parts], "nothing is left behind"
