"""Measures, their sums over tables, and the overall score."""

from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.engine import EngineLimits
from quality_svc.checks.completeness import Completeness
from quality_svc.checks.interface import Check, Measurement, TableFacts, over_tables, registered_checks
from quality_svc.profile.document import ColumnProfile
from quality_svc.scores import WEIGHTS, overall

LIMITS = EngineLimits(64 * 2**20, 1, Path("/nonexistent"))


def facts(row_count: int, *counts: int) -> TableFacts:
    columns = [
        ColumnProfile(
            position=position, name=f"c{position}", type="int64", kind="integer", count=count, nulls=row_count - count
        )
        for position, count in enumerate(counts)
    ]
    return TableFacts(row_count, columns, (), LIMITS)


def measured(dimension: str, numerator: int, denominator: int) -> Measurement:
    return Measurement(f"{dimension}_test", dimension, "1", numerator, denominator, denominator)


def test_completeness_is_registered_by_entry_point() -> None:
    checks = registered_checks()
    assert [check.name for check in checks] == sorted(check.name for check in checks)
    assert any(isinstance(check, Completeness) for check in checks)
    for check in checks:
        assert isinstance(check, Check)
        assert check.dimension in WEIGHTS


def test_completeness_counts_non_null_cells_of_all_columns() -> None:
    measurement = Completeness().measure(facts(10, 10, 5, 0))
    assert (measurement.numerator, measurement.denominator, measurement.score) == (15, 30, 0.5)
    assert measurement.scored().coverage == 1


@pytest.mark.parametrize("table", [facts(0, 0, 0), facts(5)], ids=["no rows", "no columns"])
def test_nothing_in_scope_is_not_measured_and_never_a_score(table: TableFacts) -> None:
    measurement = Completeness().measure(table)
    assert measurement.score is None
    assert (measurement.scored().score, measurement.scored().coverage) == (None, None)
    assert overall([measurement]) is None


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        Measurement("test", "completeness", "1", 3, 2, 2)


def test_tables_weigh_by_their_items() -> None:
    small, large = Completeness().measure(facts(1, 0)), Completeness().measure(facts(99, 99))
    (total,) = over_tables([[small], [large]])
    assert total.score == 0.99


def test_measures_of_different_definitions_are_never_added() -> None:
    old = Measurement("test", "completeness", "1", 1, 1, 1)
    with pytest.raises(ValueError, match="cannot add"):
        old + Measurement("test", "completeness", "2", 1, 1, 1)


@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.integers(1, 100), min_size=1))
def test_overall_is_the_weighted_geometric_mean_of_what_was_measured(scores: dict[str, int]) -> None:
    measurements = [measured(dimension, score, 100) for dimension, score in scores.items()]
    weight = sum(WEIGHTS[dimension] for dimension in scores)
    expected = prod((score / 100) ** (WEIGHTS[dimension] / weight) for dimension, score in scores.items())
    found = overall([*measurements, Completeness().measure(facts(0, 0))])
    assert found == pytest.approx(expected)
    assert found is not None
    assert min(scores.values()) / 100 - 1e-9 <= found <= max(scores.values()) / 100 + 1e-9


def test_one_dimension_at_zero_makes_the_whole_zero() -> None:
    assert overall([measured("completeness", 0, 10), measured("accuracy", 10, 10)]) == 0
