"""Drift on generated tables: silence where nothing changed, and every sort of change found from the size stated."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.random import Generator
from scipy.stats import wasserstein_distance

from dataplatform.engine import EngineLimits
from quality_svc.assess import assess
from quality_svc.drift import (
    Drift,
    Finding,
    TableDrift,
    TableSignature,
    VersionSignature,
    compare,
    compare_tables,
    measure_signature,
)
from quality_svc.drift.__main__ import main
from quality_svc.drift.distances import moved, share_distances
from quality_svc.drift.measuring import ordered_of
from quality_svc.profile.document import ProfileDocument

Make = Callable[[int, Generator, float], object]
MAKERS: dict[str, Make] = {
    "normal": lambda n, rng, p: rng.normal(p, 1 + 9 * p, n),
    "lognormal": lambda n, rng, p: rng.lognormal(0, 0.5 + 2 * p, n),
    "pareto": lambda n, rng, p: rng.pareto(0.8 + 2 * p, n),
    "student": lambda n, rng, _: rng.standard_t(1.5, n),
    "counts": lambda n, rng, p: rng.poisson(0.05 + 20 * p**3, n),
    "mostly_zero": lambda n, rng, p: np.where(rng.random(n) < 0.005 + 0.1 * p, rng.lognormal(3, 1, n), 0.0),
    "rare_flag": lambda n, rng, p: rng.random(n) < 0.001 + 0.02 * p,
    "categories": lambda n, rng, p: np.char.add("c", rng.choice(2 + int(30 * p), n).astype(str)),
    "many_categories": lambda n, rng, _: np.char.add("v", np.minimum(rng.zipf(1.3, n), 10_000).astype(str)),
    "sequence": lambda n, _rng, _p: np.arange(n),
    "dates": lambda n, rng, p: np.datetime64("2023-01-01") + rng.integers(0, int(20 + 700 * p), n),
    "text": lambda n, rng, p: np.char.add("item ", rng.integers(0, 10 ** int(1 + 6 * p), n).astype(str)),
    "holes": lambda n, rng, p: pa.array(rng.normal(size=n), mask=rng.random(n) < 0.02 + p / 2),
    "wide_integers": lambda n, rng, p: rng.integers(0, 10 ** int(2 + 6 * p), n),
    "months": lambda n, rng, _: np.char.add("2024-", np.char.zfill(rng.integers(1, 13, n).astype(str), 2)),
}
DAYS = np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]")


@pytest.fixture
def limits(tmp_path: Path) -> EngineLimits:
    return EngineLimits(256 << 20, 1, tmp_path)


@pytest.fixture
def signature(limits: EngineLimits) -> Callable[[Mapping[str, Any]], TableSignature]:
    return lambda columns: signature_of(columns, limits)


Signature = Callable[[Mapping[str, Any]], TableSignature]


def signature_of(columns: Mapping[str, Any], limits: EngineLimits) -> TableSignature:
    path = limits.scratch / "table.parquet"
    pq.write_table(pa.table(dict(columns)), path)
    return measure_signature([path], limits)


def alarms(drift: TableDrift) -> list[Finding]:
    return [finding for finding in drift.findings if finding.alarms]


def unchanged_pairs(pairs: int, most_rows: int, limits: EngineLimits) -> Iterator[list[Finding]]:
    """Draw both tables of each pair from the same distributions; yield what alarmed."""
    rng = np.random.default_rng(20260301)
    for _ in range(pairs):
        rows, width = int(10 ** rng.uniform(2, np.log10(most_rows))), int(rng.integers(1, 51))
        other = rows if rng.random() < 0.5 else int(rows * rng.uniform(0.7, 1.4))
        names, shapes = rng.choice(list(MAKERS), width), rng.random(width)
        old, new = (
            signature_of(
                {
                    f"{at} {name}": MAKERS[name](size, rng, p)
                    for at, (name, p) in enumerate(zip(names, shapes, strict=True))
                },
                limits,
            )
            for size in (rows, other)
        )
        yield alarms(compare_tables(old, new))


def test_the_committed_schema_of_a_signature_is_the_generated_one() -> None:
    assert main(["check"]) == 0, "run `make schemas`"


def test_pairs_without_change_are_silent(limits: EngineLimits) -> None:
    alarmed = [found for found in unchanged_pairs(25, 2_000, limits) if found]
    assert not alarmed


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_of_1000_pairs_without_change_fewer_than_1_percent_alarm(limits: EngineLimits) -> None:
    alarmed = [found for found in unchanged_pairs(1000, 100_000, limits) if found]
    assert len(alarmed) < 10, alarmed


def beside(n: int, rng: Generator, **columns: object) -> dict[str, Any]:
    """Return a table of ten columns, those given first."""
    return {**columns, **{f"other {at}": rng.normal(size=n) for at in range(10 - len(columns))}}


@pytest.mark.parametrize("way", [0.3, -0.3])
@pytest.mark.parametrize("values", ["normal", "lognormal"])
def test_a_shift_of_0_3_sd_is_found_from_1000_rows(values: str, way: float, signature: Signature) -> None:
    rng = np.random.default_rng(1)
    sd = {"normal": 5.5, "lognormal": 2.16}[values]

    def draw() -> Any:
        return rng.normal(3, sd, 1000) if values == "normal" else rng.lognormal(0, 1, 1000)

    drift = compare_tables(signature(beside(1000, rng, x=draw())), signature(beside(1000, rng, x=draw() + way * sd)))
    (finding,) = alarms(drift)
    assert (finding.kind, finding.column) == ("distribution", "x")
    assert finding.effect is not None
    assert finding.effect.threshold_from == "default"
    assert finding.effect.value > finding.effect.threshold or finding.effect.metric == "mean_shift"


def test_a_shift_too_small_to_matter_is_none_however_many_rows_there_are(signature: Signature) -> None:
    rng = np.random.default_rng(2)
    old, new = signature({"x": rng.normal(size=60_000)}), signature({"x": rng.normal(0.05, 1, 60_000)})
    assert alarms(compare_tables(old, new)) == [], "a t-test would give a p-value of 1e-17"


def test_a_new_category_of_5_percent_is_found_from_1000_rows_and_named(signature: Signature) -> None:
    rng = np.random.default_rng(3)
    old, new = rng.choice(list("abcdef"), 1000), rng.choice(list("abcdef"), 1000)
    new[rng.random(1000) < 0.05] = "z"
    drift = compare_tables(signature(beside(1000, rng, x=old)), signature(beside(1000, rng, x=new)))
    (finding,) = alarms(drift)
    assert (finding.kind, finding.column, finding.evidence["category"]) == ("new_category", "x", "z")
    back = compare_tables(signature(beside(1000, rng, x=new)), signature(beside(1000, rng, x=old)))
    assert [found.kind for found in alarms(back)] == ["vanished_category"]


@pytest.mark.parametrize("month", range(1, 13))
def test_a_lost_month_is_found_from_1000_rows(month: int, signature: Signature) -> None:
    rng = np.random.default_rng(month)
    old, new = rng.choice(DAYS, 1000), rng.choice(DAYS, 1000)
    new = new[new.astype("datetime64[M]").astype(int) % 12 + 1 != month]
    drift = compare_tables(signature({"day": old}), signature({"day": new}))
    lost = [finding for finding in alarms(drift) if finding.kind == "lost_period"]
    assert lost
    assert {finding.evidence["first"][:7] for finding in lost} == {f"2023-{month:02}"}


def test_a_window_that_moves_on_has_lost_nothing_and_a_skipped_month_is_lost(signature: Signature) -> None:
    rng = np.random.default_rng(5)
    later = np.arange("2023-03-01", "2024-04-01", dtype="datetime64[D]")
    old, moved_on = rng.choice(DAYS, 3000), rng.choice(later, 3000)
    assert alarms(compare_tables(signature({"day": old}), signature({"day": moved_on}))) == []
    skipped = moved_on[moved_on.astype("datetime64[M]") != np.datetime64("2024-02")]
    (finding,) = alarms(compare_tables(signature({"day": old}), signature({"day": skipped})))
    assert (finding.kind, finding.evidence["first"]) == ("lost_period", "2024-02")


def test_years_that_come_and_go_are_no_drift_but_one_in_between_that_is_lost_is(signature: Signature) -> None:
    rng = np.random.default_rng(15)
    old, new = rng.integers(2010, 2021, 2000), rng.integers(2011, 2022, 2000)
    assert alarms(compare_tables(signature({"year": old}), signature({"year": new}))) == []
    (finding,) = alarms(compare_tables(signature({"year": old}), signature({"year": new[new != 2015]})))
    assert (finding.kind, finding.evidence["category"]) == ("vanished_category", "2015")


@pytest.mark.parametrize("kind", ["lognormal", "categories", "text", "dates", "counts"])
def test_a_renamed_column_is_found_by_its_content_from_300_rows(kind: str, signature: Signature) -> None:
    rng = np.random.default_rng(6)
    old = beside(300, rng, before=MAKERS[kind](300, rng, 0.6))
    new = beside(300, rng, **{"quite another": MAKERS[kind](300, rng, 0.6)})
    (finding,) = alarms(compare_tables(signature(old), signature(new)))
    assert (finding.kind, finding.evidence["from"], finding.evidence["to"]) == (
        "column_renamed", "before", "quite another",
    )  # fmt: skip


def test_columns_of_the_same_rows_are_known_again_wherever_they_are(signature: Signature) -> None:
    rng = np.random.default_rng(7)
    a, b, c = rng.normal(size=(3, 500))
    drift = compare_tables(signature({"a": a, "b": b, "c": c}), signature({"z": c, "y": a, "x": b}))
    renamed = {finding.evidence["from"]: finding.evidence["to"] for finding in alarms(drift)}
    assert renamed == {"a": "y", "b": "x", "c": "z"}


def test_what_is_gone_new_or_of_another_type_is_told(signature: Signature) -> None:
    rng = np.random.default_rng(8)
    old = {"keep": np.arange(50), "gone": rng.choice(["x", "y"], 50), "typed": np.arange(50), "wider": np.arange(50)}
    new = {
        "keep": np.arange(50),
        "typed": [f"n{i}" for i in range(50)],
        "wider": np.arange(50) / 2,
        "come": rng.normal(size=50),
    }
    found = {
        (finding.kind, finding.column, finding.severity)
        for finding in compare_tables(signature(old), signature(new)).findings
    }
    assert found >= {
        ("column_removed", "gone", "critical"),
        ("column_added", "come", "warning"),
        ("column_retyped", "typed", "warning"),
        ("column_retyped", "wider", "info"),
    }


def test_nulls_volume_and_formats_are_watched(signature: Signature) -> None:
    rng = np.random.default_rng(9)
    old = {"x": rng.normal(size=2000), "day": np.char.add("id-", rng.integers(1000, 9999, 2000).astype(str))}
    new = {
        "x": pa.array(rng.normal(size=900), mask=rng.random(900) < 0.2),
        "day": np.char.add(rng.integers(1000, 9999, 900).astype(str), "/id"),
    }
    kinds = {(finding.kind, finding.column) for finding in alarms(compare_tables(signature(old), signature(new)))}
    assert {("nulls", "x"), ("volume", None), ("format", "day")} <= kinds
    empty = compare_tables(
        signature(old), signature({"x": pa.array([], pa.float64()), "day": pa.array([], pa.string())})
    )
    assert [(finding.kind, finding.severity) for finding in alarms(empty)] == [("volume", "critical")]


def version(signature: TableSignature, as_of: datetime | None = None) -> VersionSignature:
    return VersionSignature(as_of=as_of, tables=(signature,))


def test_thresholds_come_from_the_history_and_say_so(signature: Signature) -> None:
    rng = np.random.default_rng(10)
    swinging = [version(signature({"x": rng.normal(0.4 * (at % 2), 1, 2000)})) for at in range(7)]
    again = compare(swinging[-2], swinging[-1], history=swinging[:-2])
    assert again.verdict == "stable", "it always moved like that"
    first = compare(swinging[-2], swinging[-1])
    assert first.verdict == "drifted"
    far = compare(swinging[-1], version(signature({"x": rng.normal(3, 1, 2000)})), history=swinging[:-1])
    ((_, finding),) = far.alarms
    assert finding.effect is not None
    assert (finding.effect.threshold_from, finding.effect.comparisons) == ("history", 6)
    calm = [version(signature({"x": rng.normal(0, 1, 20_000)})) for _ in range(6)]
    slight = version(signature({"x": rng.normal(0.15, 1, 20_000)}))
    assert compare(calm[-1], slight).verdict == "stable"
    assert compare(calm[-1], slight, history=calm[:-1]).verdict == "drifted", "one that never moved alarms sooner"


def test_data_that_get_older_than_they_used_to_be_are_told(signature: Signature) -> None:
    rng = np.random.default_rng(11)
    start = datetime(2023, 1, 1, tzinfo=UTC)

    def made(month: int, newest: int, *, dated: bool) -> VersionSignature:
        days = np.datetime64("2022-01-01") + rng.integers(0, 365 + 30 * newest, 800)
        days[0] = np.datetime64("2022-01-01") + 364 + 30 * newest
        return version(signature({"day": days}), start + timedelta(days=30 * month) if dated else None)

    for dated in (True, False):
        history = [made(month, month, dated=dated) for month in range(6)]
        assert compare(history[-2], history[-1], history=history[:-2]).verdict == "stable"
        stale = compare(history[-1], made(6 if not dated else 9, 5, dated=dated), history=history[:-1])
        assert [finding.kind for _, finding in stale.alarms] == ["freshness"]


def test_profile_documents_can_be_compared_too(limits: EngineLimits, tmp_path: Path) -> None:
    rng = np.random.default_rng(12)

    def profile(shift: float) -> ProfileDocument:
        pq.write_table(pa.table(beside(2000, rng, x=rng.normal(shift, 1, 2000))), tmp_path / "t.parquet")
        nobody = str(UUID(int=0))
        table = {"table_id": nobody, "index": 0, "name": "t", "parts": [str(tmp_path / "t.parquet")]}
        assess({
            "dataset_id": nobody, "run_id": nobody, "assessment_id": nobody, "tables": [table], "threads": 1,
            "document": str(tmp_path / "p.json"), "memory_bytes": 256 << 20, "scratch": str(tmp_path),
        })  # fmt: skip
        return ProfileDocument.model_validate_json((tmp_path / "p.json").read_bytes())

    old = profile(0.0)
    assert compare(old, profile(0.0)).verdict == "stable"
    assert [(finding.kind, finding.column) for _, finding in compare(old, profile(0.3)).alarms] == [
        ("distribution", "x")
    ]


def test_tables_are_matched_by_name_and_what_is_left_is_told(signature: Signature) -> None:
    one, two = signature({"x": np.arange(30)}), signature({"y": np.arange(30)})
    old = VersionSignature(
        tables=(one.model_copy(update={"name": "a"}), two.model_copy(update={"name": "b", "index": 1}))
    )
    new = VersionSignature(
        tables=(two.model_copy(update={"name": "b"}), one.model_copy(update={"name": "c", "index": 1}))
    )
    drift = compare(old, new)
    assert [table.table for table in drift.tables] == ["b"]
    assert [finding.kind for finding in drift.findings] == ["table_removed", "table_added"]
    assert Drift.model_validate_json(drift.model_dump_json()) == drift


def test_a_large_table_is_sampled_and_odd_values_are_no_trouble(signature: Signature) -> None:
    rng = np.random.default_rng(13)
    odd = pa.table(
        {
            "wild": pa.array([float("nan"), float("inf"), 1e300, -1e300, None] * 8),
            "null": pa.nulls(40),
            "nested": pa.array([[1], None] * 20),
            "old": pa.array([datetime(1, 1, 1), datetime(9999, 12, 31)] * 20, pa.timestamp("us")),  # noqa: DTZ001
            "one": pa.array(["same"] * 40),
            "blob": pa.array([b"\0"] * 40),
        }
    )
    columns = {name: odd.column(name) for name in odd.column_names}
    assert compare_tables(signature(columns), signature(columns)).verdict == "stable"
    large = signature({"x": rng.normal(size=200_000)})
    assert large.row_count == 200_000
    assert 30_000 < large.columns[0].rows < 70_000


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein_is_scipys_where_no_tail_is_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = rng.uniform(0, 1, 4000), rng.uniform(0.1, 1.3, 3000)
    found = moved(ordered_of(np.sort(old), 101), ordered_of(np.sort(new), 101))
    assert found.wasserstein * old.std() == pytest.approx(wasserstein_distance(old, new), rel=0.03)


def test_the_bias_of_each_distance_is_taken_off() -> None:
    rng = np.random.default_rng(14)
    psi, jensen_shannon, shifts = [], [], []
    for _ in range(300):
        old, new = rng.multinomial(300, [0.1] * 10), rng.multinomial(200, [0.1] * 10)
        shares = share_distances(old, new)
        assert shares is not None
        psi.append(shares.chi_square * (1 / 300 + 1 / 200) - 9 * (1 / 300 + 1 / 200))
        jensen_shannon.append(shares.jensen_shannon)
        found = moved(*(ordered_of(np.sort(rng.normal(size=n)), 101) for n in (300, 200)))
        shifts.append(found.wasserstein - found.wasserstein_bias)
    assert abs(np.mean(psi)) < 0.005
    assert np.mean(jensen_shannon) < 0.004
    assert abs(np.mean(shifts)) < 0.02


def test_the_memory_of_a_signature_is_bounded_for_wide_tables() -> None:
    with tempfile.TemporaryDirectory() as folder:
        limits = EngineLimits(256 << 20, 1, Path(folder))
        wide = signature_of({f"c{at}": np.arange(20.0) for at in range(500)}, limits)
    assert len(wide.columns) == 500
    assert len(wide.model_dump_json()) < 1_000_000
