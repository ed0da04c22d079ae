"""The other tasks: what is fit for them is told from what is not, and no table is too odd to be answered."""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from quality_svc.suitability import Suitability
from quality_svc.suitability import __main__ as schema
from quality_svc.suitability.errors import UnknownTaskError
from quality_svc.suitability.tasks.interface import task_names

Judge = Callable[..., Suitability]
DAYS = 210


def days(count: int = DAYS) -> list[dt.date]:
    return [dt.date(2024, 1, 1) + dt.timedelta(days=at) for at in range(count)]


def weekly(draw: np.random.Generator, noise: float) -> Any:
    return 50 + 10 * np.sin(np.arange(DAYS) * 2 * np.pi / 7) + noise * draw.normal(size=DAYS)


def failed(answer: Any) -> set[str]:
    return {gate.name for gate in answer.gates if not gate.passed}


def test_a_season_is_found_and_a_walk_without_one_cannot_be_told(judged: Judge, draw: np.random.Generator) -> None:
    seasonal = judged({"day": days(), "sold": weekly(draw, 4.0)}, "forecasting", "sold")
    walk = judged({"day": days(), "price": np.cumsum(draw.normal(size=DAYS))}, "forecasting", "price")
    assert seasonal.facts["season_steps"] == 7
    assert seasonal.facts["step"] == "1 day"
    assert seasonal.score > 0.45 > walk.score
    assert walk.verdict == "unsuitable"


def test_a_panel_is_taken_apart_by_the_column_that_tells_its_series(judged: Judge, draw: np.random.Generator) -> None:
    shops = 5
    order = draw.permutation(shops * DAYS)
    table = {
        "day": np.array(days() * shops)[order],
        "shop": np.repeat([f"shop {at}" for at in range(shops)], DAYS)[order],
        "sold": np.concatenate([weekly(draw, 2.0) for _ in range(shops)])[order],
    }
    answer = judged(table, "forecasting")
    assert answer.target == "sold"
    assert answer.facts["series_columns"] == ["shop"]
    assert answer.facts["series_read"] == shops
    assert not failed(answer)


def test_missing_days_close_the_gate_of_gaps_and_months_are_no_gaps(judged: Judge, draw: np.random.Generator) -> None:
    kept = np.flatnonzero(draw.random(DAYS) > 0.2)
    holes = judged({"day": np.array(days())[kept], "x": weekly(draw, 1.0)[kept]}, "forecasting", "x")
    months = [f"{2000 + at // 12}-{at % 12 + 1:02}" for at in range(60)]
    monthly = judged({"month": months, "x": draw.normal(size=60)}, "forecasting", "x")
    assert failed(holes) == {"gaps"}
    assert holes.fixes[0].action == "fill_gaps"
    assert not failed(monthly)
    assert monthly.facts["step"] == "month"


def test_groups_are_told_from_one_cloud(judged: Judge, draw: np.random.Generator) -> None:
    centres = np.repeat([[0, 0, 0], [8, 8, 0], [-8, 8, 8]], 80, axis=0)
    cloud = draw.normal(size=(240, 3))
    names = ("a", "b", "c")
    apart = judged(dict(zip(names, (cloud + centres).T, strict=True)), "clustering")
    one = judged(dict(zip(names, cloud.T, strict=True)), "clustering")
    assert apart.verdict == "suitable"
    assert apart.facts["clusters"] == 3
    assert one.score < 0.5 < apart.score
    assert failed(judged({"a": cloud[:, 0], "b": cloud[:, 1]}, "clustering")) == {"usable_features"}


def test_texts_that_repeat_or_share_passages_lower_the_score(judged: Judge, draw: np.random.Generator) -> None:
    spoken = "the river runs slowly past old houses where people talk about bread weather and the news"
    words = np.array(spoken.split())
    texts = [" ".join(draw.choice(words, 14)) for _ in range(120)]
    good = judged({"id": range(120), "body": texts}, "text")
    footer = "please do not reply to this message as it was sent by a machine"
    worse = judged({"id": range(120), "body": [f"{text} {footer}" for text in texts[:40]] * 3}, "text")
    assert good.target == "body"
    assert good.facts["languages"]["en"] > 0.9
    assert worse.score < good.score - 0.15
    assert {finding.kind for finding in worse.findings} == {"near_duplicates", "boilerplate"}
    assert failed(judged({"id": range(120), "code": ["x"] * 120}, "text")) == {"text_column"}


def test_a_report_needs_grain_measure_dimension_and_date(judged: Judge, draw: np.random.Generator) -> None:
    table = {"day": days(200) * 2, "shop": ["a"] * 200 + ["b"] * 200, "sold": draw.normal(100, 5, 400)}
    answer = judged(table, "reporting", as_of=dt.date(2024, 7, 19))
    old = judged(table, "reporting", as_of=dt.date(2026, 7, 19))
    assert answer.verdict == "suitable"
    assert answer.facts["grain"] == ["day", "shop"]
    assert old.score < answer.score
    assert failed(judged({"sold": table["sold"], "shop": table["shop"]}, "reporting")) == {"date", "grain"}


def test_a_join_is_judged_with_both_sides(judged: Judge, draw: np.random.Generator) -> None:
    customers = {"customer_id": range(100), "name": [f"n{at}" for at in range(100)]}
    whole = {"order_id": range(500), "customer_id": draw.integers(0, 100, 500)}
    orphans = {"order_id": range(500), "customer_id": draw.integers(50, 150, 500)}
    good, bad = (judged(table, "join", other=customers) for table in (whole, orphans))
    assert (good.verdict, good.target, good.facts["other_column"]) == ("suitable", "customer_id", "customer_id")
    found = {part.name: part.value for part in bad.contributions}
    assert found["containment"] == pytest.approx(np.mean(np.asarray(orphans["customer_id"]) < 100))
    text = {"customer_id": [str(at) for at in range(100)]}
    assert "types_match" in failed(judged(whole, "join", "customer_id", other=text))
    assert judged(customers, "join").verdict == "conditional"


ODD: dict[str, pa.Table] = {
    "empty": pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    "no columns": pa.table({}),
    "one row": pa.table({"a": [1], "b": ["x"], "t": [dt.datetime(2020, 1, 1)]}),  # noqa: DTZ001
    "all null": pa.table({"a": pa.array([None] * 60, pa.int64()), "b": pa.nulls(60)}),
    "one constant": pa.table({"a": [1] * 60, "b": ["x"] * 60, "t": [dt.date(2020, 1, 1)] * 60}),
    "mixed types": pa.table(
        {"a": [str(at) if at % 3 else f"x{at}" for at in range(60)], "b": ["1", "two", "3.0"] * 20}
    ),
    "10,000 categories": pa.table({"a": [f"c{at}" for at in range(10_000)], "y": [0, 1] * 5_000}),
    "infinite": pa.table({"a": [float("inf"), float("nan"), -float("inf"), 1e308, 1.0] * 20, "b": list(range(100))}),
    "far dates": pa.table(
        {"d": [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2000, 1, 1)] * 20, "x": [1.5, 2.5, 3.0] * 20}
    ),
    "every type": pa.table(
        {
            "decimal": pa.array([Decimal("1.5"), None] * 30),
            "binary": [b"x"] * 60,
            "list": [[1]] * 60,
            "time": [dt.time(1, 2)] * 60,
            "span": [dt.timedelta(1)] * 60,
            "words": pa.array(["a", "b"] * 30).dictionary_encode(),
            "flag": [True, False] * 30,
            "large": [2**63 - 1, -(2**63)] * 30,
            "dots.in.name": [1, 2] * 30,
        }
    ),
    "two of one name": pa.table([pa.array([1, 2] * 30), pa.array(["a", "b"] * 30)], names=["a", "a"]),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("task", task_names())
def test_every_task_answers_for_odd_tables(judged: Judge, task: str, odd: str) -> None:
    answer = judged(ODD[odd], task)
    assert sum(part.points for part in answer.contributions) == pytest.approx(answer.score)
    assert answer.interval.low <= answer.score + 1e-12
    assert json.dumps(answer.model_dump(mode="json"), allow_nan=False)
    if odd in {"empty", "no columns", "one row", "all null", "one constant"}:
        assert answer.verdict == "unsuitable"


def test_an_unknown_task_is_named_with_those_there_are(judged: Judge) -> None:
    with pytest.raises(UnknownTaskError, match="classification, clustering, forecasting, join, regression"):
        judged({"a": [1]}, "divination")


def test_the_committed_schema_is_current() -> None:
    assert schema.main(["check"]) == 0
