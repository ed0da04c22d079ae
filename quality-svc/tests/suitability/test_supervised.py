"""Classification and regression: the score follows what can be learnt, leaks close a gate, fixes say what they gain."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from quality_svc.suitability.document import Suitability
from quality_svc.suitability.errors import UnknownColumnError

Judge = Callable[..., Suitability]
ROWS = 260


def learnable(draw: np.random.Generator, noise: float) -> dict[str, Any]:
    x = draw.normal(size=(ROWS, 3))
    score = x[:, 0] + x[:, 1] + noise * draw.normal(size=ROWS)
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "class": np.where(score > 0, "yes", "no"), "value": score}


def gate(answer: Suitability, name: str) -> bool:
    return next(found.passed for found in answer.gates if found.name == name)


def test_a_set_of_old_is_suitable_and_the_answer_explains_itself(judged: Judge) -> None:
    x, y = load_iris(return_X_y=True)
    answer = judged({f"x{at}": x[:, at] for at in range(4)} | {"species": y}, "classification", "species")
    assert answer.verdict == "suitable"
    assert answer.score > 0.9
    assert answer.interval.low <= answer.score <= answer.interval.high
    assert sum(part.points for part in answer.contributions) == pytest.approx(answer.score)
    evidence = next(part for part in answer.contributions if part.kind == "evidence")
    dimensions = [part.value for part in answer.contributions if part.kind == "dimension"]
    assert answer.score == pytest.approx(0.7 * evidence.value + 0.3 * np.mean(dimensions))


def test_the_same_seed_gives_the_same_answer(judged: Judge, draw: np.random.Generator) -> None:
    table = {name: values for name, values in learnable(draw, 1.0).items() if name != "value"}
    assert judged(table, "classification", "class") == judged(table, "classification", "class")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "target", "left"), [("classification", "class", "value"), ("regression", "value", "class")]
)
def test_more_noise_gives_a_lower_score(
    judged: Judge, draw: np.random.Generator, task: str, target: str, left: str
) -> None:
    scores = []
    for noise in (0.1, 20.0):
        table = learnable(draw, noise)
        del table[left]
        scores.append(judged(table, task, target).score)
    assert scores[0] > 0.8
    assert scores[1] < 0.5


def test_a_column_that_tells_the_target_closes_a_gate_and_dropping_it_is_the_fix(
    judged: Judge, draw: np.random.Generator
) -> None:
    answer = judged(learnable(draw, 1.0) | {"paid_back": draw.permutation(ROWS)}, "classification", "class")
    assert answer.verdict == "unsuitable"
    assert not gate(answer, "no_leak")
    fix = answer.fixes[0]
    assert (fix.action, fix.columns, fix.basis) == ("drop_leak", ("value",), "measured")
    open_table = {name: values for name, values in learnable(np.random.default_rng(0), 1.0).items() if name != "value"}
    assert judged(open_table, "classification", "class").score == pytest.approx(answer.score + fix.gain, abs=0.02)


def test_gaps_that_stand_only_where_the_target_is_are_a_leak(judged: Judge, draw: np.random.Generator) -> None:
    table = learnable(draw, 1.0)
    del table["value"]
    table["refund"] = [float(at) if one == "yes" else None for at, one in enumerate(table["class"])]
    assert not gate(judged(table, "classification", "class"), "no_leak")


@pytest.mark.slow
def test_of_few_rows_a_copy_is_a_leak_and_a_good_column_is_not(judged: Judge, draw: np.random.Generator) -> None:
    kind = np.repeat([0, 1, 2], 30)
    table = {"kind": kind, "good": kind + 0.15 * draw.normal(size=90), "poor": draw.normal(size=90)}
    assert gate(judged(table, "classification", "kind"), "no_leak")
    copied = judged(table | {"copy": kind * 2.0 + 0.01 * draw.normal(size=90)}, "classification", "kind")
    assert copied.fixes[0].columns == ("copy",)


def test_rows_that_repeat_others_are_no_evidence(judged: Judge, draw: np.random.Generator) -> None:
    noise = {f"x{at}": np.tile(draw.normal(size=60), 4) for at in range(4)}
    answer = judged(noise | {"y": np.tile(draw.integers(0, 2, 60), 4)}, "classification", "y")
    assert next(part.value for part in answer.contributions if part.kind == "evidence") < 0.5
    assert next(part.value for part in answer.contributions if part.name == "uniqueness") == pytest.approx(0.25)
    assert "remove_duplicates" in {fix.action for fix in answer.fixes}


def test_without_a_target_candidates_are_ranked_and_the_verdict_is_conditional(
    judged: Judge, draw: np.random.Generator
) -> None:
    table = learnable(draw, 0.1)
    del table["value"]
    answer = judged(table, "classification")
    assert (answer.target, answer.verdict) == ("class", "conditional")
    assert answer.candidates[0].column == "class"


def test_fewer_than_two_classes_of_30_rows_close_a_gate(judged: Judge, draw: np.random.Generator) -> None:
    answer = judged(
        {"x": draw.normal(size=100), "y": np.arange(100) % 5, "z": draw.normal(size=100)}, "classification", "y"
    )
    assert answer.verdict == "unsuitable"
    assert not gate(answer, "classes_with_30_rows")


def test_fewer_than_ten_rows_a_feature_close_a_gate(judged: Judge, draw: np.random.Generator) -> None:
    table = {f"x{at}": draw.normal(size=60) for at in range(8)} | {"y": draw.normal(size=60)}
    assert not gate(judged(table, "regression", "y"), "rows_per_feature")


def test_a_category_of_many_levels_and_numbers_written_as_text_are_understood(
    judged: Judge, draw: np.random.Generator
) -> None:
    level = draw.integers(0, 30, 600)
    effect = draw.normal(size=30)[level]
    known = np.where(draw.random(600) < 0.1, "?", np.round(draw.normal(size=600), 3).astype(str))
    value = effect + np.array([0.0 if one == "?" else float(one) for one in known])
    answer = judged({"city": [f"city {at}" for at in level], "x": known, "y": value}, "regression", "y")
    assert answer.score > 0.75


def test_a_column_that_is_not_there_is_named_with_those_that_are(judged: Judge) -> None:
    with pytest.raises(UnknownColumnError, match="no column 'targt'; there are: target"):
        judged({"target": [1, 2], "x": [1, 2]}, "classification", "targt")
