"""The row query language over files: what it finds is what pandas finds, however it is asked and paged."""

import asyncio
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from catalog_svc.rows import aggregation, selection
from catalog_svc.rows.aggregation import Aggregation, Expression, Span
from catalog_svc.rows.engine import ColumnType, Engine
from catalog_svc.rows.language import (
    OPERATORS,
    Comparison,
    Filter,
    Junction,
    Negation,
    Selection,
    from_body,
    from_parameters,
)
from catalog_svc.rows.selection import Chosen, Query
from catalog_svc.settings import CatalogSettings
from dataplatform.problems import Problem

DAY = date(2026, 1, 1)
FIELDS: dict[str, pa.DataType] = {
    "n": pa.int64(),
    "x": pa.float64(),
    "money": pa.decimal128(12, 2),
    "word": pa.string(),
    "day": pa.date32(),
    "file_row_number": pa.bool_(),
}
SCHEMA = pa.schema(FIELDS)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3) | st.just(2**62),
        st.none() | st.sampled_from([-1.5, 0.0, 2.0, math.nan, math.inf]),
        st.none() | st.sampled_from([Decimal("1.10"), Decimal("-2.20"), Decimal("0.00")]),
        st.none() | st.sampled_from(["", "a", "B", "ab", "äb", "it's", '"', "%", "a\nb"]),
        st.none() | st.integers(0, 40).map(lambda days: DAY + timedelta(days)),
        st.none() | st.booleans(),
    ),
    max_size=30,
)
VALUES: dict[str, Any] = {
    "n": st.sampled_from([-1, 0, 2, 2**62, 1.5]),
    "x": st.sampled_from([-1.5, 0.0, 1, "inf"]),
    "money": st.sampled_from(["1.1", 0, "-2.2000", "0.001"]),
    "word": st.sampled_from(["", "a", "b", "B", "it's", '"', "%", "a\nb"]),
    "day": st.integers(0, 40).map(lambda days: (DAY + timedelta(days)).isoformat()),
    "file_row_number": st.booleans(),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    column = draw(st.sampled_from(sorted(VALUES)))
    textual = ["contains", "starts_with", "ends_with"] if column == "word" else []
    operator = draw(
        st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "between", "is_null", *textual])
    )
    if operator == "is_null":
        return Comparison(column, operator, draw(st.booleans()))
    if operator in {"in", "not_in"}:
        return Comparison(column, operator, tuple(draw(st.lists(VALUES[column], max_size=3))))
    if operator == "between":
        return Comparison(column, operator, (draw(VALUES[column]), draw(VALUES[column])))
    return Comparison(column, operator, draw(VALUES[column]))


FILTERS = st.recursive(
    comparisons(),
    lambda inner: (
        st.builds(Negation, inner)
        | st.builds(Junction, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over local files."""
    made = Engine(
        CatalogSettings(
            database_url="postgresql://nowhere/none",
            kafka_bootstrap_servers="127.0.0.1:1",
            object_store_url=tmp_path_factory.mktemp("objects").as_uri(),
            scratch_dir=tmp_path_factory.mktemp("scratch"),
            secret_key="k" * 32,
        )
    )
    yield made
    made.close()


def written(folder: Path, rows: list[tuple[Any, ...]], parts: int = 2) -> list[str]:
    """Write rows as Parquet parts; return their paths."""
    table = pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)
    size = max(1, -(-len(rows) // parts))
    # never the same path twice: stored tables do not change, so the engine remembers their footers
    paths = [folder / f"{next(NUMBERS)}.parquet" for _ in range(parts)]
    for number, path in enumerate(paths):
        parquet.write_table(table.slice(number * size, size), path, row_group_size=4)
    return list(map(str, paths))


def run(engine: Engine, query: Query) -> list[tuple[Any, ...]]:
    return asyncio.run(engine.run(query.sql, query.parameters))[1]


def chosen_of(engine: Engine, paths: list[str], asked: Selection) -> Chosen:
    return selection.choose(asked, asyncio.run(engine.columns(paths)), "table")


def expected(frame: pd.DataFrame, where: Filter) -> "pd.Series[bool]":
    """The same filter by pandas and Python: two-valued, NaN equal to itself and above all other numbers."""
    match where:
        case Junction(kind, parts):
            kept = pd.Series(kind == "and", index=frame.index)
            for part in parts:
                kept = kept & expected(frame, part) if kind == "and" else kept | expected(frame, part)
            return kept
        case Negation(part):
            return ~expected(frame, part)
        case Comparison(column, operator, value):
            return frame[column].map(lambda cell: _holds(column, cell, operator, value)).astype(bool)
    raise AssertionError(where)


def _holds(  # noqa: PLR0911 - an operator each
    column: str, cell: Any, operator: str, value: Any
) -> bool:
    null = cell is None
    if operator == "is_null":
        return null is value
    if operator in {"in", "not_in"}:
        found = not null and any(_key(column, cell) == _key(column, one) for one in value)
        return found if operator == "in" else not found
    if operator == "ne":
        return null or _key(column, cell) != _key(column, value)
    if null:
        return False
    if operator == "between":
        return bool(_key(column, value[0]) <= _key(column, cell) <= _key(column, value[1]))
    if operator in {"contains", "starts_with", "ends_with"}:
        return bool(
            {"contains": value in cell, "starts_with": cell.startswith(value), "ends_with": cell.endswith(value)}[
                operator
            ]
        )
    left, right = _key(column, cell), _key(column, value)
    return bool(
        {"eq": left == right, "lt": left < right, "lte": left <= right, "gt": left > right, "gte": left >= right}[
            operator
        ]
    )


def _key(column: str, value: Any) -> Any:
    match column:
        case "x":
            return (1, 0.0) if math.isnan(float(value)) else (0, float(value))
        case "n" | "money":
            return Decimal(str(value))
        case "word":
            return str(value).encode()
        case "day":
            return value if isinstance(value, date) else date.fromisoformat(value)
    return value


def frame_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series([row[n] for row in rows], dtype=object) for n, name in enumerate(SCHEMA.names)}
    )


NUMBERS = count()
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(COMMON, max_examples=60)
@given(rows=ROWS, where=FILTERS)
def test_a_filter_finds_what_pandas_finds(engine: Engine, tmp_path: Path, rows: list[Any], where: Filter) -> None:
    paths = written(tmp_path, rows)
    chosen = chosen_of(engine, paths, Selection(where, columns=("n", "word")))
    kept = expected(frame_of(rows), where)
    assert run(engine, selection.whole(chosen, paths)) == [
        (row[0], row[3]) for row, keep in zip(rows, kept, strict=True) if keep
    ]
    assert run(engine, selection.count(chosen, paths)) == [(int(kept.sum()),)]


@settings(COMMON, max_examples=40)
@given(
    rows=ROWS,
    where=FILTERS,
    sort=st.lists(st.sampled_from(["n", "-x", "word", "-day", "-n", "money"]), max_size=3, unique=True),
)
def test_pages_one_after_another_are_the_whole_in_order(
    engine: Engine, tmp_path: Path, rows: list[Any], where: Filter, sort: list[str]
) -> None:
    paths = written(tmp_path, rows)
    base = from_body({"sort": sort})
    chosen = chosen_of(engine, paths, Selection(where, sort=base.sort))
    whole = run(engine, selection.whole(chosen, paths))
    seen: list[Any] = []
    cursor = None
    while True:
        page = selection.page(chosen, paths, 4, 0, cursor)
        found = run(engine, page.query)
        seen += [tuple(page.values(row)) for row in found[:4]]
        cursor = page.next(found)
        if cursor is None:
            break
    assert repr(seen) == repr(whole)
    for first, second in pairwise(whole):
        assert not _before(second, first, sort), (first, second)


def _before(left: Any, right: Any, sort: list[str]) -> bool:
    for text in sort:
        name = text.removeprefix("-")
        a, b = (row[SCHEMA.names.index(name)] for row in (left, right))
        if a is None or b is None:
            if (a is None) != (b is None):
                return b is None
            continue
        a, b = _key(name, a), _key(name, b)
        if a != b:
            return bool((a > b) if text.startswith("-") else (a < b))
    return False


@settings(COMMON, max_examples=25)
@given(rows=ROWS)
def test_groups_measure_what_pandas_measures(engine: Engine, tmp_path: Path, rows: list[Any]) -> None:
    paths = written(tmp_path, rows)
    chosen = chosen_of(engine, paths, Selection())
    asked = Aggregation(
        (Expression(None, "word"),), (Expression("count", None), Expression("sum", "money"), Expression("max", "day"))
    )
    found = {row[0]: row[1:] for row in run(engine, aggregation.aggregate(chosen, paths, asked, 100, 0))}
    groups = frame_of(rows).groupby("word", dropna=False)
    assert len(found) == groups.ngroups
    for word, group in groups:
        money, days = group["money"].dropna(), group["day"].dropna()
        key = None if word is None or word != word else word  # noqa: PLR0124 - pandas calls null NaN
        assert found[key] == (len(group), sum(money) if len(money) else None, max(days) if len(days) else None)


def test_a_group_may_be_a_period_or_a_bin_and_the_best_come_first(engine: Engine, tmp_path: Path) -> None:
    paths = written(tmp_path, [(n, float(n), None, "a", DAY + timedelta(n * 10), None) for n in range(10)])
    chosen = chosen_of(engine, paths, Selection())
    months = Aggregation((aggregation.expression("month(day)"),), (aggregation.expression("sum(n)"),), ("-sum(n)",))
    assert [row[1] for row in run(engine, aggregation.aggregate(chosen, paths, months, 2, 0))] == [21, 9, 9]
    bins = Aggregation((aggregation.expression(["bin", "x", 4]),), (aggregation.expression("count()"),))
    assert run(engine, aggregation.aggregate(chosen, paths, bins, 10, 0)) == [(0.0, 4), (4.0, 4), (8.0, 2)]
    quantile = Aggregation(
        (), (aggregation.expression("quantile(x, 0.5)"), aggregation.expression("count_distinct(word)"))
    )
    assert run(engine, aggregation.aggregate(chosen, paths, quantile, 10, 0)) == [(4.5, 1)]


def test_a_histogram_counts_every_finite_value_once(engine: Engine, tmp_path: Path) -> None:
    values = [0.0, 0.1, 0.5, 0.5, 0.999, 1.0, math.nan, math.inf, None]
    paths = written(tmp_path, [(None, value, None, None, None, None) for value in values])
    chosen = chosen_of(engine, paths, Selection())
    assert run(engine, aggregation.span(chosen, paths, "x")) == [(9, 1, 2, 0.0, 1.0)]
    assert run(engine, aggregation.histogram(chosen, paths, "x", Span(0.0, 1.0), 2)) == [(0, 2), (1, 4)]
    days = written(tmp_path, [(None, None, None, None, DAY + timedelta(n), None) for n in range(3)])
    assert run(engine, aggregation.span(chosen, days, "day"))[0][3] == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_a_sample_is_the_same_for_the_same_seed_and_of_its_size(engine: Engine, tmp_path: Path) -> None:
    paths = written(tmp_path, [(n, None, None, None, None, None) for n in range(1000)])

    def drawn(**body: Any) -> list[Any]:
        chosen = chosen_of(engine, paths, from_body(body))
        return [row[0] for row in run(engine, selection.whole(chosen, paths))]

    ten = drawn(sample=10, seed=1)
    assert len(ten) == 10
    assert ten == sorted(ten) == drawn(sample="10", seed=1)
    assert ten != drawn(sample=10, seed=2)
    assert 50 < len(drawn(sample="10%")) < 160
    assert drawn(sample="100%") == list(range(1000))
    assert drawn(sample=0) == []


COLUMNS = [
    ColumnType(name, kind)
    for name, kind in {
        "n": "BIGINT", "x": "DOUBLE", "word": "VARCHAR", "day": "DATE", "at": "TIMESTAMP WITH TIME ZONE",
        "clock": "TIMESTAMP", "list": "INTEGER[]", "raw": "BLOB", "big": "DECIMAL(38,10)", "yes": "BOOLEAN",
    }.items()
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"columns": ["nowhere"]}, "unknown_column"),
        ({"columns": ["n", "n"]}, "invalid_query"),
        ({"columns": []}, "invalid_query"),
        ({"rename": {"n": "x"}}, "invalid_query"),
        ({"rename": {"n": ""}}, "invalid_query"),
        ({"sort": ["list"]}, "invalid_query"),
        ({"sort": ["n"] * 17}, "invalid_query"),
        ({"sort": [1]}, "invalid_query"),
        ({"sample": "5 %%"}, "invalid_sample"),
        ({"sample": -1}, "invalid_sample"),
        ({"filter": {"column": "n", "op": "is", "value": 1}}, "unknown_operator"),
        ({"filter": {"column": "n", "op": "eq", "value": "many"}}, "invalid_value"),
        ({"filter": {"column": "n", "op": "eq", "value": None}}, "invalid_value"),
        ({"filter": {"column": "n", "op": "eq", "value": {"a": 1}}}, "invalid_value"),
        ({"filter": {"column": "yes", "op": "eq", "value": "perhaps"}}, "invalid_value"),
        ({"filter": {"column": "day", "op": "lt", "value": "yesterday"}}, "invalid_value"),
        ({"filter": {"column": "clock", "op": "lt", "value": "2026-01-01T00:00:00Z"}}, "invalid_value"),
        ({"filter": {"column": "raw", "op": "eq", "value": "?"}}, "invalid_value"),
        ({"filter": {"column": "list", "op": "eq", "value": 1}}, "invalid_filter"),
        ({"filter": {"column": "n", "op": "contains", "value": "1"}}, "invalid_filter"),
        ({"filter": {"column": "n", "op": "in", "value": 1}}, "invalid_filter"),
        ({"filter": {"column": "n", "op": "between", "value": [1]}}, "invalid_filter"),
        ({"filter": {"and": 1}}, "invalid_filter"),
        ({"filter": {"column": "word", "op": "matches", "value": "x" * 1001}}, "invalid_value"),
        ({"filter": {"or": [{"column": "n", "op": "eq", "value": 1}] * 10_000}}, "filter_too_large"),
        ({"filter": {"column": "n", "op": "in", "value": [1] * 10_000}}, "filter_too_large"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Problem) as caught:
        selection.whole(selection.choose(from_body(asked), COLUMNS, "t"), ["p"])
    assert (caught.value.status, caught.value.code) == (422, code)


def test_a_filter_nested_too_deep_is_refused() -> None:
    where: dict[str, Any] = {"column": "n", "op": "eq", "value": 1}
    for _ in range(20):
        where = {"not": where}
    with pytest.raises(Problem, match="filter_too_large"):
        from_body({"filter": where})


def test_parameters_say_what_a_body_says() -> None:
    asked = from_parameters(
        [("n[gte]", ["1"]), ("word[in]", ["a,b", "c"]), ("odd[name][eq]", ["x"]), ("sort", ["-n,word"]),
         ("columns", ["a,b", "c"]), ("rename[a]", ["z"]), ("limit", ["5"])],
        {"limit"},
    )  # fmt: skip
    assert asked == from_body(
        {
            "filter": {"and": [
                {"column": "n", "op": "gte", "value": "1"},
                {"column": "word", "op": "in", "value": ["a,b", "c"]},
                {"column": "odd[name]", "op": "eq", "value": "x"},
            ]},
            "sort": ["-n", "word"], "columns": ["a,b", "c"], "rename": {"a": "z"},
        }
    )  # fmt: skip
    with pytest.raises(Problem, match="unknown_parameter"):
        from_parameters([("city", ["Bern"])], {"limit"})


@pytest.mark.parametrize("value", ["1' OR '1'='1", '"; DROP TABLE x; --', "$1", "?", "\\", "%_"])
def test_no_value_and_no_name_becomes_sql(value: str) -> None:
    columns = [ColumnType(value, "VARCHAR")]
    for operator in sorted(set(OPERATORS) - {"is_null", "in", "not_in", "between"}):
        where = Comparison(value, operator, value)
        query = selection.count(selection.choose(Selection(where), columns, "t"), ["p"])
        assert value not in query.sql or value in {"$1", "%_", "?"}
        assert query.parameters[1:] == [value]


def test_a_cursor_of_another_query_is_refused(engine: Engine, tmp_path: Path) -> None:
    paths = written(tmp_path, [(n, None, None, None, None, None) for n in range(9)])
    chosen = chosen_of(engine, paths, Selection())
    page = selection.page(chosen, paths, 2, 0, None)
    cursor = page.next(run(engine, page.query))
    assert cursor is not None
    others = [
        chosen_of(engine, paths, from_body({"sort": ["n"]})),
        selection.choose(Selection(), chosen.columns.listed, "other"),
    ]
    for other in others:
        with pytest.raises(Problem, match="invalid_cursor"):
            selection.page(other, paths, 2, 0, cursor)
    with pytest.raises(Problem, match="invalid_cursor"):
        selection.page(chosen, paths, 2, 0, "bm9uZQ")


def test_what_the_engine_refuses_is_told_as_such(engine: Engine, tmp_path: Path) -> None:
    paths = written(tmp_path, [(1, None, None, "a", None, None)])
    where = Comparison("word", "matches", "(")
    with pytest.raises(Problem, match="query_failed"):
        run(engine, selection.count(chosen_of(engine, paths, Selection(where)), paths))
