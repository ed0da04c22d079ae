"""Whatever a column is called, every part says the same of the table as if it had plain names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import find_anomalies
from quality_svc.checks.context import DeclaredRange, Dependency, Reference, TableContext
from quality_svc.checks.interface import Measurement, TableFacts, measure_table, registered_checks
from quality_svc.checks.rows import offending
from quality_svc.drift import compare, measure_signature
from quality_svc.drift.signature import VersionSignature
from quality_svc.profile.table import TableProfiler
from quality_svc.relations import find_relations
from quality_svc.rules.evaluation import evaluate_all
from quality_svc.rules.model import InRange, NotNull, Unique
from quality_svc.suitability import judge_all

ROWS = 60
PLAIN = ("id", "town", "price", "twin")
HOSTILE = (
    'a"; DROP TABLE data; --',
    "nul\0in it",
    "two\nlines\r\n\ttab",
    "'quoted'",
    "$$ ${x} {0} %s :a ? \\",
    "row_number",
    "data",
    "*",
    "",
    " ",
    "x" * 10_240,
    "ß\u0301\u202e\U0001f600",
    "A",
    "a",
    "[0]",
    "count(*)",
    "frequency",
    "referred",
    "c1",
)
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


def table_of(columns: Sequence[str]) -> pa.Table:
    draw = np.random.default_rng(1)
    town = [["ams", "rtm", "ehv"][place] for place in draw.integers(0, 3, ROWS)]
    town[5] = None
    price = draw.normal(10, 1, ROWS)
    price[7] = 1e6
    return pa.table([pa.array(range(ROWS)), pa.array(town), pa.array(price), pa.array(price * 2)], names=list(columns))


def everything(columns: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return numbers from every entry point that takes a table, with columns by their place."""
    path = folder / "table.parquet"
    pq.write_table(table_of(columns), path)
    limits = EngineLimits(128 << 20, 1, folder)
    profiler = TableProfiler([path], limits)
    profiles = list(profiler.columns())
    _, two, three, _ = columns
    context = TableContext(
        ranges={three: DeclaredRange("0", "100")},
        dependencies=(Dependency((two,), three),),
        references=(Reference(two, (path,), two),),
    )
    measured = measure_table(registered_checks(), TableFacts(ROWS, profiles, (path,), limits, context))
    relations = find_relations([path], limits, profiles, seed=0)
    anomalies = find_anomalies([path], limits, seed=0)
    signature = VersionSignature(tables=(measure_signature([path], limits, name="t", index=0),))
    places = {name: place for place, name in enumerate(columns)}
    return {
        "profile": [(column.count, column.nulls, column.distinct and column.distinct.value) for column in profiles],
        "measures": [_numbers(found) for found in measured if found.dimension != "understandability"],
        "rows": [
            len(offending([path], limits, found.query))
            for found in measured
            if found.query is not None and found.dimension != "understandability"
        ],
        "duplicates": [(found.rows, found.groups) for found in relations.duplicates],
        "cells": sorted((cell.row, places[cell.column], cell.kind) for cell in anomalies.cells),
        "drift": compare(signature, signature).verdict,
        "rules": _judged(columns, path, limits),
        "suitability": sorted(found.task for found in judge_all([path], limits, seed=0)),
    }


def _judged(columns: Sequence[str], path: Path, limits: EngineLimits) -> list[tuple[str, int | None]] | None:
    """Return what rules come to; they name columns of 1 to 1,000 characters."""
    if not all(0 < len(name) <= 1_000 for name in columns):
        return None
    one, two, three, _ = columns
    rules = (NotNull(column=two), Unique(columns=(one, two)), InRange(column=three, maximum=100))
    return [(found.state, found.failed) for found in evaluate_all(rules, [path], limits)]


def _numbers(found: Measurement) -> tuple[str, int, int]:
    return found.name, found.numerator, found.denominator


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return everything(PLAIN, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("first", [0, 8], ids=["quote, NUL, newline", "empty, blank, 10 KiB, signs"])
def test_a_hostile_name_changes_nothing_anywhere(plain: dict[str, Any], tmp_path: Path, first: int) -> None:
    agree(everything(HOSTILE[first : first + 4], tmp_path), plain)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=4, max_size=4, unique=True))
def test_no_name_changes_anything_anywhere(plain: dict[str, Any], tmp_path: Path, columns: list[str]) -> None:
    agree(everything(columns, tmp_path), plain)


def agree(found: dict[str, Any], plain: dict[str, Any]) -> None:
    if found["rules"] is None:
        plain = {**plain, "rules": None}
    for part in plain:
        assert found[part] == plain[part], part
