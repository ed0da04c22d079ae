"""Measures, their sums over tables, and the overall score."""

from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.engine import EngineLimits
from quality_svc.checks.completeness_cells import CompletenessCells
from quality_svc.checks.context import RuleTally
from quality_svc.checks.interface import Check, Measurement, TableFacts, over_tables, registered_checks
from quality_svc.profile.document import ColumnProfile
from quality_svc.scores import CRITICAL_CAP, FLOOR, WEIGHTS, overall, score

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
    assert any(isinstance(check, CompletenessCells) for check in checks)
    for check in checks:
        assert isinstance(check, Check)
        assert check.dimension in WEIGHTS


def test_completeness_counts_non_null_cells_of_all_columns() -> None:
    measurement = CompletenessCells().measure(facts(10, 10, 5, 0))
    assert (measurement.numerator, measurement.denominator, measurement.score) == (15, 30, 0.5)
    assert measurement.scored().coverage == 1


@pytest.mark.parametrize("table", [facts(0, 0, 0), facts(5)], ids=["no rows", "no columns"])
def test_nothing_in_scope_is_not_measured_and_never_a_score(table: TableFacts) -> None:
    measurement = CompletenessCells().measure(table)
    assert measurement.score is None
    assert (measurement.scored().score, measurement.scored().coverage) == (None, None)
    assert overall([measurement]) is None


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        Measurement("test", "completeness", "1", 3, 2, 2)


def test_tables_weigh_by_their_items() -> None:
    small, large = CompletenessCells().measure(facts(1, 0)), CompletenessCells().measure(facts(99, 99))
    (total,) = over_tables([[small], [large]])
    assert total.score == 0.99


def test_measures_of_different_definitions_are_never_added() -> None:
    old = Measurement("test", "completeness", "1", 1, 1, 1)
    with pytest.raises(ValueError, match="cannot add"):
        old + Measurement("test", "completeness", "2", 1, 1, 1)


@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.integers(5, 100), min_size=1))
def test_overall_is_the_weighted_geometric_mean_of_what_was_measured(scores: dict[str, int]) -> None:
    scores = {"completeness": 50, **scores}
    measurements = [measured(dimension, score, 100) for dimension, score in scores.items()]
    weight = sum(WEIGHTS[dimension] for dimension in scores)
    expected = prod((score / 100) ** (WEIGHTS[dimension] / weight) for dimension, score in scores.items())
    found = overall([*measurements, Measurement("unmeasured", "completeness", "1", 0, 0, 9)])
    assert found == pytest.approx(expected)
    assert found is not None
    assert min(scores.values()) / 100 - 1e-9 <= found <= max(scores.values()) / 100 + 1e-9


def test_an_essential_dimension_at_zero_makes_the_whole_zero_and_no_other_does() -> None:
    assert overall([measured("completeness", 0, 10), measured("privacy", 10, 10)]) == 0
    found = overall([measured("completeness", 10, 10), measured("understandability", 0, 10)])
    assert found == pytest.approx(FLOOR ** (0.25 / 1.25))


def test_without_an_essential_dimension_there_is_no_score() -> None:
    assert overall([measured("understandability", 3, 3)]) is None


def test_critical_rules_that_fail_cap_the_score_and_others_do_not() -> None:
    good = [measured("completeness", 10, 10)]
    broken = RuleTally("b", met=False, critical=True)
    kept = RuleTally("a", met=True, critical=True)
    assert overall(good, [kept, RuleTally("w", met=False), RuleTally("n", met=None, critical=True)]) == 1
    capped = score(good, [kept, broken])
    assert (capped.overall, capped.uncapped, capped.cap) == (CRITICAL_CAP / 2, 1, CRITICAL_CAP / 2)
    assert capped.critical_failed == ("b",)
    assert overall(good, [broken]) == 0
    assert score([], [broken]).overall is None


def test_the_score_says_what_it_was_made_of() -> None:
    found = score([measured("completeness", 1, 2), measured("accuracy", 0, 0)])
    assert [(d.dimension, d.score, d.weight, d.measures) for d in found.dimensions] == [
        ("completeness", 0.5, 1.0, ("completeness_test",))
    ]
    assert (found.measured, found.registered) == (1, 2)
