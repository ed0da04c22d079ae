"""Unusual rows and breaks in series: what is put in is found and explained, by scores that need no label."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import Anomalies, find_anomalies
from quality_svc.anomalies.finding import Subject
from quality_svc.anomalies.rows import scoring
from quality_svc.anomalies.series.surprise import scores_of, surprise

MEBIBYTE = 2**20
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def anomalies_of(columns: dict[str, Any], folder: Path, *, rows: bool = False, of: Subject = "rows") -> Anomalies:
    path = folder / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return find_anomalies([path], EngineLimits(256 * MEBIBYTE, 1, folder), seed=0, rows=rows, look_for=(of,))


def planted(rows: int = 1200) -> tuple[dict[str, Any], np.ndarray]:
    """Four correlated measures, a category, a running number; every 60th row breaks the correlation or the range."""
    rng = np.random.default_rng(5)
    hidden = rng.normal(size=rows)
    measures = [hidden * scale + rng.normal(size=rows) * 0.3 for scale in (1.0, 2.0, -1.0, 0.5)]
    unusual = np.arange(rows) % 60 == 30
    for place in np.flatnonzero(unusual).tolist():
        measures[place % 2][place] = measures[place % 2][place] + (7 if place % 4 < 2 else -9)
    columns = {f"m{n}": values for n, values in enumerate(measures)}
    return {"id": np.arange(rows), **columns, "kind": [("a", "b", "c")[n % 3] for n in range(rows)]}, unusual


def test_every_row_has_a_score_and_unusual_rows_have_the_highest(tmp_path: Path) -> None:
    columns, unusual = planted()
    found = anomalies_of(columns, tmp_path, rows=True).rows
    assert [row.row for row in found] == list(range(len(unusual)))
    assert roc_auc_score(unusual, [row.score for row in found]) > 0.98


def test_the_columns_that_make_a_row_unusual_are_named(tmp_path: Path) -> None:
    columns, unusual = planted()
    for found in anomalies_of(columns, tmp_path).rows[:5]:
        assert unusual[found.row]
        assert found.explanation[0].column == f"m{found.row % 2}"
        assert abs(found.explanation[0].z) > 3


def test_rows_beyond_the_training_sample_are_scored_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "TRAINING_ROWS", 300)
    columns, unusual = planted()
    made = anomalies_of(columns, tmp_path, rows=True)
    assert made.row_sampling is not None
    assert 200 < made.row_sampling.rows < 400 < made.row_sampling.of_rows
    assert len(made.rows) == len(unusual)
    assert roc_auc_score(unusual, [row.score for row in made.rows]) > 0.95


def test_the_scores_of_rows_move_with_the_rows(tmp_path: Path) -> None:
    columns, unusual = planted(600)
    order = np.random.default_rng(1).permutation(600)
    del columns["id"]
    shuffled = {name: np.asarray(values)[order] for name, values in columns.items()}
    scores = [
        np.array([row.score for row in anomalies_of(each, tmp_path, rows=True).rows]) for each in (columns, shuffled)
    ]
    top = [set(np.argsort(-scores[0])[:10].tolist()), set(order[np.argsort(-scores[1])[:10]].tolist())]
    assert len(top[0] & top[1]) >= 9
    assert unusual[sorted(top[0])].sum() >= 9


def series_of(values: np.ndarray, folder: Path, *, minutes: list[int] | None = None, rows: bool = False) -> Anomalies:
    steps = minutes or [5 * place for place in range(len(values))]
    return anomalies_of(
        {"t": [START + dt.timedelta(minutes=step) for step in steps], "v": values}, folder, rows=rows, of="series"
    )


def daily(length: int = 2016) -> np.ndarray:
    rng = np.random.default_rng(2)
    return 50 + 20 * np.sin(np.arange(length) / 288 * 2 * np.pi) + rng.normal(size=length)


def strike(values: np.ndarray, kind: str, place: int) -> None:
    if kind == "point":
        values[place] += 60
    elif kind == "contextual":
        values[place : place + 5] = 100 - values[place : place + 5]  # usual at another time of the day
    elif kind == "level_shift":
        values[place:] += 35
    else:
        values[place : place + 60] = values[place]


@pytest.mark.parametrize("kind", ["point", "contextual", "level_shift", "variance_change"])
def test_breaks_are_found_where_they_begin(kind: str, tmp_path: Path) -> None:
    values = daily()
    strike(values, kind, 1368)
    (series,) = series_of(values, tmp_path).series
    assert (series.column, series.time_column, series.step_seconds, series.season) == ("v", "t", 300.0, 288)
    kinds = {"point", "contextual", kind} if kind != "variance_change" else {kind}
    begun = [found for found in series.anomalies if 1368 <= found.first_row <= 1368 + 60 and found.kind in kinds]
    assert begun
    strongest = max(begun, key=lambda found: found.score)
    assert strongest.score >= 0.6
    assert strongest.lower is not None
    assert strongest.upper is not None
    assert strongest.lower < strongest.upper


def test_a_series_without_a_break_has_hardly_any(tmp_path: Path) -> None:
    (series,) = series_of(daily(), tmp_path).series
    assert len(series.anomalies) <= 2


def test_a_gap_is_found_with_its_length(tmp_path: Path) -> None:
    minutes = [5 * place + (600 if place > 700 else 0) for place in range(2016)]
    (series,) = series_of(daily(), tmp_path, minutes=minutes).series
    (gap,) = [found for found in series.anomalies if found.kind == "gap"]
    assert (gap.first_row, gap.last_row) == (700, 701)
    assert "121 steps" in gap.evidence


def test_a_score_stands_for_every_row_whatever_their_order(tmp_path: Path) -> None:
    values = daily(600)
    values[500] += 60
    minutes = [5 * place for place in range(600)]
    (upright,) = series_of(values, tmp_path, rows=True).series
    (reversed_,) = series_of(values[::-1], tmp_path, minutes=minutes[::-1], rows=True).series
    assert upright.scores is not None
    assert reversed_.scores is not None
    assert upright.scores == reversed_.scores[::-1]
    assert int(np.argmax([score or 0 for score in upright.scores])) == 500


def test_scores_do_not_know_the_future() -> None:
    values = daily(1500)
    strike(values, "level_shift", 1200)
    whole, begun = scores_of(surprise(values, 288).excess), scores_of(surprise(values[:1000], 288).excess)
    assert whole[:1000] == pytest.approx(begun)


def test_a_time_that_recurs_is_said_not_guessed(tmp_path: Path) -> None:
    columns = {"t": [START + dt.timedelta(minutes=place // 4) for place in range(400)], "v": daily(400)}
    made = anomalies_of(columns, tmp_path, of="series")
    assert made.series == ()
    assert any(left.what == "series" for left in made.left_out)
