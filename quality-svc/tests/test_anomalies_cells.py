"""Anomalies of cells: errors put into clean tables are found, clean ones stay clean, bad input has typed results."""

import csv
import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import Anomalies, CastReport, find_anomalies
from quality_svc.anomalies.__main__ import SCHEMA_FILE, schema_text
from quality_svc.anomalies.document import CellAnomaly
from quality_svc.profile.table import UnreadableTableError

MEBIBYTE = 2**20
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "errors"
ROWS = 600
TOWNS = ["Berlin", "Hamburg", "Lyon", "Marseille", "Sevilla", "Granada", "Torino", "Napoli"]
CHANCE = random.Random(11)


def anomalies_of(table: pa.Table, folder: Path, *, parts: int = 1, **options: Any) -> Anomalies:
    paths = []
    size = max(1, -(-table.num_rows // parts))
    for part in range(parts):
        paths.append(folder / f"part-{part}.parquet")
        pq.write_table(table.slice(part * size, size), paths[-1])
    return find_anomalies(paths, EngineLimits(256 * MEBIBYTE, 1, folder), **{"seed": 0, **options})


def found_in(table: pa.Table, folder: Path, **options: Any) -> dict[tuple[int, str], CellAnomaly]:
    return {(cell.row, cell.column): cell for cell in anomalies_of(table, folder, look_for=("cells",), **options).cells}


def clean_table() -> dict[str, list[Any]]:
    """Sales of shops: the shop decides town and country, total is quantity * price, paid is not before ordered."""
    rng = random.Random(7)
    lands = ["Germany", "Germany", "France", "France", "Spain", "Spain", "Italy", "Italy"]
    shops = [(f"SH-{n:03}", place) for n, place in enumerate(rng.choices(range(8), k=40))]
    table: dict[str, list[Any]] = {
        name: [] for name in ("shop", "town", "country", "quantity", "price", "total", "ordered", "paid", "length")
    }
    for _ in range(ROWS):
        shop, place = rng.choice(shops)
        quantity, price = rng.randrange(1, 30), round(rng.lognormvariate(3, 0.4), 2)
        day = dt.date(2024, 1, 1) + dt.timedelta(rng.randrange(300))
        row = (shop, TOWNS[place], lands[place], quantity, price, round(quantity * price, 2), day,
               day + dt.timedelta(rng.randrange(0, 10)), f"{rng.randrange(10, 90)} cm")  # fmt: skip
        for name, cell in zip(table, row, strict=True):
            table[name].append(cell)
    return table


def other_town(town: str) -> str:
    return CHANCE.choice([other for other in TOWNS if other != town])


def spoilt(changes: dict[str, Any], every: int = 40) -> tuple[pa.Table, set[tuple[int, str]]]:
    """Return the clean table with a change in every so many rows of each named column, each at rows of its own."""
    table = clean_table()
    cells = set()
    for place, (name, change) in enumerate(changes.items()):
        for row in range(place + 3, ROWS, every):
            changed = change(table[name][row])
            if changed != table[name][row]:
                table[name][row] = changed
                cells.add((row, name))
    return pa.table(table), cells


def test_a_clean_table_has_hardly_any_anomaly(tmp_path: Path) -> None:
    assert len(found_in(pa.table(clean_table()), tmp_path)) <= 0.002 * ROWS * 9


@pytest.mark.parametrize(
    ("column", "change", "kinds", "recall"),
    [
        ("town", other_town, {"dependency", "duplicate"}, 0.8),
        ("town", lambda town: town[0] + town[2] + town[1] + town[3:], {"typo", "dependency"}, 0.9),
        ("country", str.upper, {"variant", "dependency"}, 0.9),
        ("country", lambda _: None, {"missing"}, 0.9),
        ("country", lambda _: "N/A", {"missing", "dependency"}, 0.9),
        ("quantity", lambda _: -999, {"missing", "outlier"}, 0.9),
        ("price", lambda price: price * 1000, {"scale", "outlier", "arithmetic"}, 0.9),
        ("total", lambda total: total * 1000, {"scale", "outlier", "arithmetic"}, 0.9),
        ("paid", lambda paid: paid.replace(year=1900, day=1), {"outlier", "order", "missing"}, 0.9),
        ("ordered", lambda _: dt.date(9999, 12, 31), {"outlier", "order", "missing"}, 0.9),
        ("length", lambda text: text.replace("cm", "inches"), {"format", "pattern", "typo", "variant"}, 0.9),
        ("length", lambda text: text.split()[0] + "#cm", {"format", "pattern", "typo", "variant"}, 0.9),
        ("shop", lambda shop: shop.replace("-", "_"), {"pattern", "variant", "typo"}, 0.9),
    ],
)
def test_errors_put_in_are_found_and_little_else(
    column: str, change: Any, kinds: set[str], recall: float, tmp_path: Path
) -> None:
    table, cells = spoilt({column: change})
    found = found_in(table, tmp_path)
    hits = cells & set(found)
    assert len(hits) >= recall * len(cells)
    assert len(hits) >= 0.7 * len(found)
    assert {found[cell].kind for cell in hits} <= kinds
    assert all(any(char.isdigit() for char in found[cell].evidence) for cell in hits)  # evidence has numbers


def test_what_is_not_of_its_column_s_semantic_type_is_found(tmp_path: Path) -> None:
    mails = [f"person{place}@example{place % 7}.org" for place in range(200)]
    mails[30], mails[90] = "person30(at)example.org", "person90@example"
    found = found_in(pa.table({"contact": mails}), tmp_path)
    assert {row for row, _ in found} == {30, 90}
    assert all("e-mail address" in cell.evidence for cell in found.values())


def test_dependencies_suggest_the_value_that_was_there(tmp_path: Path) -> None:
    clean = clean_table()
    table, cells = spoilt({"town": other_town})
    found = found_in(table, tmp_path)
    repaired = [found[row, name].suggestion == clean[name][row] for row, name in cells if (row, name) in found]
    assert sum(repaired) >= 0.8 * len(cells)


def test_rows_are_numbered_over_all_parts(tmp_path: Path) -> None:
    table, _ = spoilt({"country": str.upper, "price": lambda price: price * 1000})
    whole, parted = found_in(table, tmp_path), found_in(table, tmp_path, parts=3)
    assert whole == parted


def test_the_same_table_and_seed_give_the_same_document(tmp_path: Path) -> None:
    table, _ = spoilt({"town": str.lower, "total": lambda total: total * 100})
    assert anomalies_of(table, tmp_path, rows=True) == anomalies_of(table, tmp_path, rows=True)


def test_sources_that_contradict_each_other_are_weighed_by_how_reliable_they_are(tmp_path: Path) -> None:
    rng = random.Random(3)
    truth = [f"{rng.randrange(0, 24)}:{rng.randrange(0, 60):02} of {n}" for n in range(60)]
    rows, wrong = [], set()
    for source in range(9):
        for item in range(60):
            error = rng.random() < (0.02 if source < 5 else 0.4)
            rows.append(
                (f"s{source}", f"item {item}", f"{rng.randrange(0, 24)}:00 of {item}" if error else truth[item])
            )
            if rows[-1][2] != truth[item]:
                wrong.add((len(rows) - 1, "time"))
    columns = dict(zip(("source", "item", "time"), map(list, zip(*rows, strict=True)), strict=True))
    found = set(found_in(pa.table(columns), tmp_path))
    assert len(found & wrong) >= 0.9 * len(wrong)
    assert len(found & wrong) >= 0.9 * len(found)


def test_what_the_reader_read_as_null_is_told_by_its_spelling(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([None if row % 5 == 0 else row % 37 for row in range(200)], pa.int64())})
    casts = {"n": CastReport.of_column({"null_spellings": {"N/A": 40}, "failed_casts": {"count": 0, "samples": []}})}
    found = found_in(table, tmp_path, casts=casts)
    assert {row for row, _ in found} == set(range(0, 200, 5))
    assert "'N/A'" in found[0, "n"].evidence
    assert found_in(table, tmp_path) == {}


def test_cells_that_did_not_fit_their_column_are_found_with_the_text_that_stood_there(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([None if row == 7 else row % 37 for row in range(200)], pa.int64())})
    report = {"failed_casts": {"count": 1, "samples": [{"row": 8, "value": "12x"}]}}
    found = found_in(table, tmp_path, casts={"n": CastReport.of_column(report)})
    assert found[7, "n"].kind == "cast"
    assert "'12x'" in found[7, "n"].evidence


def test_more_than_may_be_shown_is_counted(tmp_path: Path) -> None:
    table, cells = spoilt({"country": str.upper})
    shown = anomalies_of(table, tmp_path, max_cells=3)
    assert len(shown.cells) == 3
    assert shown.cells_found >= len(cells)
    assert shown.cells_found == sum(column.found for column in shown.by_column)
    assert any(left.what == "cells" for left in shown.left_out)


NUMBERS = np.random.default_rng(0).normal(size=300).tolist()
BAD: dict[str, pa.Table] = {
    "no column": pa.table({}),
    "no row": pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    "one row": pa.table({"a": [1], "b": ["x"]}),
    "all null": pa.table({"a": pa.array([None] * 50, pa.int64()), "b": [None] * 50}),
    "one constant": pa.table({"a": [1] * 200, "b": ["x"] * 200, "t": [dt.date(2020, 1, 1)] * 200}),
    "mixed": pa.table({"a": [str(i) if i % 2 else "x" * (i % 7) for i in range(300)], "b": [[1]] * 300,
                       "c": [b"x"] * 300}),
    "10,000 categories": pa.table({"a": [f"category {i}" for i in range(10_000)], "n": list(range(10_000))}),
    "not finite": pa.table({"a": [float("inf"), float("-inf"), float("nan"), 1e308, -1e308] * 60, "b": NUMBERS,
                            "t": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=i) for i in range(300)]}),
    "years 1 and 9999": pa.table({"t": pa.array([dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)]  # noqa: DTZ001
                                                + [dt.datetime(2020, 1, 1) + dt.timedelta(i) for i in range(298)]),  # noqa: DTZ001
                                  "v": NUMBERS}),
    "names that recur": pa.Table.from_arrays([pa.array([1, 2] * 20), pa.array(["a", "b"] * 20)], names=["x", "x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_typed_result(name: str, tmp_path: Path) -> None:
    made = anomalies_of(BAD[name], tmp_path, rows=True)
    assert made.row_count == BAD[name].num_rows
    assert Anomalies.model_validate_json(made.model_dump_json()) == made
    assert len(made.cells) <= 0.35 * max(1, BAD[name].num_rows)
    assert made.rows == () or len(made.rows) == BAD[name].num_rows


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UnreadableTableError):
        find_anomalies([path], EngineLimits(256 * MEBIBYTE, 1, tmp_path), seed=0)


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert json.loads(schema_text())["properties"]["cells"]


@pytest.mark.parametrize("name", ["hospital", "flights"])
def test_real_errors_are_found_without_any_rule_for_these_files(name: str, tmp_path: Path) -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside the repository")
    dirty, clean = (
        list(csv.reader((CORPUS / name / f"{kind}.csv").read_text(encoding="utf-8").splitlines()))
        for kind in ("dirty", "clean")
    )
    header = dirty[0]
    columns = {head: [row[place] or None for row in dirty[1:]] for place, head in enumerate(header)}
    found = set(found_in(pa.table(columns), tmp_path))
    errors = {
        (row, header[place])
        for row, (one, other) in enumerate(zip(dirty[1:], clean[1:], strict=True))
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True))
        if mine != theirs
    }
    precision, recall = len(found & errors) / len(found), len(found & errors) / len(errors)
    assert 2 * precision * recall / (precision + recall) >= 0.75
