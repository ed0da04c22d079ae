"""Correlations against scipy and pandas; their intervals hold what they promise."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quality_svc.relations import Relations
from quality_svc.relations.association import (
    Association,
    correlation_ratio,
    cramers_v,
    pearson,
    spearman,
)
from quality_svc.relations.document import Correlation

Find = Callable[..., Relations]
Draw = Callable[[np.random.Generator, int], "Association | None"]


def people(rows: int = 2500) -> pd.DataFrame:
    random = np.random.default_rng(6)
    height = random.normal(170, 10, rows)
    frame = pd.DataFrame({"height": height, "weight": height * 0.9 + random.normal(0, 8, rows)})
    frame["wealth"] = np.exp(random.normal(0, 2, rows) + height / 20)
    frame["region"] = random.choice(["n", "s", "e", "w"], rows)
    frame["team"] = np.where(random.random(rows) < 0.7, frame["region"], random.choice(["n", "s", "e", "w"], rows))
    frame["club"] = np.where(height > 175, "tall", random.choice(["tall", "short"], rows))
    frame.loc[::9, "weight"] = None
    return frame


def named(found: Relations) -> dict[tuple[str, frozenset[str]], Correlation]:
    return {(one.measure, frozenset(one.columns)): one for one in found.correlations.strongest}


def bergsma(a: pd.Series, b: pd.Series) -> float:
    """Bias-corrected V as in Bergsma (2013), from scipy's chi-squared."""
    table = pd.crosstab(a, b).to_numpy()
    n, (r, c) = table.sum(), table.shape
    phi2 = max(0, stats.chi2_contingency(table, correction=False).statistic / n - (r - 1) * (c - 1) / (n - 1))
    return float(np.sqrt(phi2 / min(r - (r - 1) ** 2 / (n - 1) - 1, c - (c - 1) ** 2 / (n - 1) - 1)))


def test_every_measure_is_that_of_an_independent_computation(find: Find) -> None:
    frame = people()
    found = named(find(frame))
    known = frame.dropna()
    for left, right in (("height", "weight"), ("height", "wealth"), ("weight", "wealth")):
        rows = known if "weight" in {left, right} else frame
        pair = frozenset({left, right})
        assert found["pearson", pair].value == pytest.approx(stats.pearsonr(rows[left], rows[right]).statistic)
        assert found["spearman", pair].value == pytest.approx(stats.spearmanr(rows[left], rows[right]).statistic)
        assert found["pearson", pair].n == len(rows)
        assert found["pearson", pair].exact
    for left, right in (("region", "team"), ("region", "club")):
        assert found["cramers_v", frozenset({left, right})].value == pytest.approx(bergsma(frame[left], frame[right]))
    within = frame.groupby("club")["height"].transform(lambda part: part - part.mean()).pow(2).sum()
    total = (frame["height"] - frame["height"].mean()).pow(2).sum()
    corrected = 1 - within / total * (len(frame) - 1) / (len(frame) - 2)
    assert found["correlation_ratio", frozenset({"club", "height"})].value == pytest.approx(np.sqrt(corrected))


def test_moments_count_as_numbers_and_running_numbers_do_not(find: Find) -> None:
    frame = pd.DataFrame({"n": range(300), "at": pd.date_range("2024-01-01", periods=300)})
    frame["growth"] = np.arange(300) ** 2.0
    found = find(frame)
    assert found.correlations.numbers == ("at", "growth")
    assert named(found)["spearman", frozenset({"at", "growth"})].value == pytest.approx(1.0)


def test_a_sample_of_a_large_table_says_so_and_is_near(find: Find) -> None:
    frame = people(150_000)
    found = named(find(frame))["pearson", frozenset({"height", "wealth"})]
    assert not found.exact
    assert 30_000 < found.n < 70_000
    assert found.low <= frame["height"].corr(frame["wealth"]) <= found.high


def correlated(random: np.random.Generator, n: int) -> Association | None:
    x = random.normal(size=n)
    return pearson(x, 0.6 * x + 0.8 * random.normal(size=n))


def heavy(random: np.random.Generator, n: int) -> Association | None:
    x, y = random.standard_t(6, n), random.standard_t(6, n)
    return pearson(x, y)


def ranked(random: np.random.Generator, n: int) -> Association | None:
    x = random.normal(size=n)
    return spearman(x, 0.6 * x + 0.8 * random.normal(size=n))


def crossed(random: np.random.Generator, n: int) -> Association | None:
    a = random.integers(0, 3, n)
    return cramers_v(a, np.where(random.random(n) < 0.4, a, random.integers(0, 3, n)))


def grouped(random: np.random.Generator, n: int) -> Association | None:
    a = random.integers(0, 4, n)
    return correlation_ratio(a, a * 0.5 + random.normal(size=n))


CASES = [
    (correlated, 0.6),
    (heavy, 0.0),
    (ranked, 6 / np.pi * np.arcsin(0.3)),
    (crossed, 0.4),
    (grouped, float(np.sqrt(0.3125 / 1.3125))),
]


def coverage(draw: Draw, truth: float, seeds: int) -> float:
    held = 0
    for seed in range(seeds):
        found = draw(np.random.default_rng(seed), 600)
        assert found is not None
        held += found.low <= truth <= found.high
    return held / seeds


@pytest.mark.parametrize(("draw", "truth"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_an_interval_holds_the_truth_as_often_as_it_says(draw: Draw, truth: float) -> None:
    assert coverage(draw, truth, 200) > 0.89


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "truth"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_an_interval_holds_the_truth_as_often_as_it_says_over_many_seeds(draw: Draw, truth: float) -> None:
    assert 0.93 < coverage(draw, truth, 2000) <= 0.99


def test_constants_and_few_rows_give_nothing() -> None:
    assert pearson(np.ones(50), np.arange(50.0)) is None
    assert pearson(np.arange(5.0), np.arange(5.0)) is None
    assert cramers_v(np.zeros(50, np.int64), np.arange(50) % 3) is None
    assert correlation_ratio(np.arange(50) % 3, np.full(50, 7.0)) is None
