"""Two versions compared: against pandas on random tables, and over REST."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pyarrow import parquet

from catalog_svc.settings import settings
from catalog_svc.versions.comparing import profiles, schema
from catalog_svc.versions.comparing.rows import KINDS, Comparison, Side
from dataplatform.events.identity import dataset_id, institution_id, table_id

AIR = dataset_id(institution_id("demo"), "air-quality")
CELLS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "it's", 'q"x']))
NUMBERS = st.one_of(st.none(), st.integers(-2, 2))
ROWS = st.lists(st.tuples(NUMBERS, CELLS, st.sampled_from([None, 0.0, 1.5, float("nan")])), max_size=8)


def side(engine: Any, folder: Path, rows: list[tuple[Any, ...]]) -> Side:
    # a path is used once: the engine keeps footers
    path, table = folder / f"{len(list(folder.iterdir()))}.parquet", table_of(rows)
    parquet.write_table(table, path)
    return Side([str(path)], asyncio.run(engine.columns([path.as_uri()])))


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (pa.int64(), pa.string(), pa.float64())
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip("kvx", columns, kinds, strict=True)})


def marked(value: Any) -> Any:
    """A value under which pandas and DuckDB find the same things equal: null is one value, NaN another."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else ("null" if value is None else value)


@pytest.fixture(scope="module")
def engine(catalog_url: str) -> Any:
    made = import_module("catalog_svc.rows.engine").Engine(settings())
    yield made
    made.close()


@pytest.mark.integration
def test_rows_that_differ_are_those_that_pandas_finds(engine: Any, tmp_path: Path) -> None:
    @examples(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(before=ROWS, after=ROWS)
    def whole(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
        sides = side(engine, tmp_path, before), side(engine, tmp_path, after)
        comparison = Comparison(*sides)
        was, now = (Counter(tuple(map(marked, row)) for row in rows) for rows in (before, after))
        _, (counts,) = asyncio.run(engine.run(comparison.summary().sql, comparison.summary().parameters))
        assert counts == ((now - was).total(), (was - now).total(), 0, (was & now).total())
        query = comparison.differing(KINDS)
        _, found = asyncio.run(engine.run(query.sql, query.parameters))
        told = {kind: Counter[Any]() for kind in ("added", "removed")}
        for kind, count, *values in found:
            told[kind][tuple(map(marked, values))] += count
        assert told == {"added": now - was, "removed": was - now}

    @examples(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(before=ROWS, after=ROWS)
    def by_key(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
        before, after = (list({marked(row[0]): row for row in rows}.values()) for rows in (before, after))
        sides = side(engine, tmp_path, before), side(engine, tmp_path, after)
        comparison = Comparison(*sides, key=("k",))
        frames = [
            pd.DataFrame([tuple(map(marked, row)) for row in rows], columns=list("kvx"), dtype=object)
            for rows in (before, after)
        ]
        joined = frames[0].merge(frames[1], on="k", how="outer", indicator=True, suffixes=("_b", "_a"))
        both = joined[joined["_merge"] == "both"]
        changes = {name: (both[f"{name}_b"] != both[f"{name}_a"]) for name in "vx"}
        changed = both[changes["v"] | changes["x"]]
        sums = [int((joined["_merge"] == which).sum()) for which in ("right_only", "left_only")]
        expected = (*sums, len(changed), len(both) - len(changed), *(int(found.sum()) for found in changes.values()))
        query = comparison.summary()
        _, (counts,) = asyncio.run(engine.run(query.sql, query.parameters))
        assert counts == expected
        query = comparison.differing(KINDS)
        _, rows = asyncio.run(engine.run(query.sql, query.parameters))
        assert Counter(row[0] for row in rows) == Counter(
            {kind: count for kind, count in zip(KINDS, expected, strict=False) if count}
        )
        named = {marked(row[5]): row[1] for row in rows if row[0] == "changed"}
        assert named == {
            row["k"]: ", ".join(name for name in "vx" if row[f"{name}_b"] != row[f"{name}_a"])
            for _, row in changed.iterrows()
        }
        for query in comparison.repeated():
            assert asyncio.run(engine.run(query.sql, query.parameters))[1] == [(0,)]

    whole()
    by_key()


def column(name: str, position: int, kind: str = "int64", source: str | None = None) -> schema.Column:
    return schema.Column(name, position, kind, source)


def table(identity: str, name: str, origin: str, *columns: str) -> schema.Table:
    return schema.Table(identity, name, origin, 1, tuple(column(found, at) for at, found in enumerate(columns)))


def test_tables_are_matched_by_name_and_place_then_name_then_place_then_columns() -> None:
    before = [
        table("1", "a", "A", "x"), table("2", "b", "B", "x"), table("3", "c", "C", "x", "y"),
        table("4", "d", "D", "p", "q", "r"), table("5", "e", "E", "lost"),
    ]  # fmt: skip
    after = [
        table("6", "new", "N", "fresh"), table("7", "sheet", "C", "x"), table("8", "b", "Z", "other"),
        table("9", "a", "A", "x"), table("10", "moved", "M", "p", "q", "s"),
    ]  # fmt: skip
    found = [(p.before and p.before.id, p.after and p.after.id, p.by) for p in schema.pairs(before, after)]
    assert found == [
        (None, "6", "added"), ("3", "7", "origin"), ("2", "8", "name"), ("1", "9", "name_and_origin"),
        ("4", "10", "columns"), ("5", None, "removed"),
    ]  # fmt: skip


def test_columns_are_added_removed_renamed_retyped_and_moved() -> None:
    before = [
        column("id", 0),
        column("unit price", 1),
        column("old", 2),
        column("n", 3, source="Anzahl"),
        column("z", 4),
    ]
    after = [
        column("z", 0, "string"), column("id", 1), column("unit_price", 2, "double"),
        column("count", 3, source="Anzahl"), column("quite different", 4),
    ]  # fmt: skip
    found = schema.columns(before, after)
    assert [(old.name, new.name) for old, new in found.renamed] == [("unit price", "unit_price"), ("n", "count")]
    assert [new.name for _, new in found.retyped] == ["z", "unit_price"]
    assert [one.name for one in found.added] == ["quite different"]
    assert [one.name for one in found.removed] == ["old"]
    assert [new.name for _, new in found.moved] == ["z", "id"]
    assert not any(getattr(schema.columns(after, after), name) for name in schema.ColumnChanges.__slots__)


def test_profiles_differ_in_the_facts_that_differ() -> None:
    before = {
        "columns": [{"name": "a", "nulls": 2, "distinct": {"value": 3.0}, "max": "z"}, {"name": "gone", "nulls": 1}]
    }
    after = {"columns": [{"name": "b", "nulls": 3, "distinct": {"value": 3.0}, "max": None}, {"name": "new"}]}
    (found,) = profiles.differences(before, after, {"a": "b"})
    assert found == {
        "column": "b",
        "facts": [
            {"fact": "nulls", "before": 2, "after": 3, "change": 1, "share": 0.5},
            {"fact": "max", "before": "z", "after": None},
        ],
    }
    assert profiles.differences(after, after, {}) == []


OLD = pa.table({"station": ["a", "b", "c", None], "pm10": [1, 2, 3, 4], "note": ["x", "x", "x", "x"]})
NEW = pa.table({"station": ["a", "b", "d", None], "pm10": [1, 5, 3, 4], "day": ["m", "m", "m", "m"]})


@pytest.mark.integration
async def test_versions_are_compared_over_rest(
    client: httpx.AsyncClient, publish: Callable[..., UUID], make_token: Any
) -> None:
    profile = [{"columns": [{"name": "pm10", "mean": 2.5}]}]
    first = await asyncio.to_thread(publish, 1, [OLD], profile=profile, keys=[["nothing"], ["pm10"]])
    second = await asyncio.to_thread(
        publish, 2, [NEW], profile=[{"columns": [{"name": "pm10", "mean": 3.25}]}], keys=[["station"]]
    )
    path = f"/api/v1/versions/{second}/compare"
    answer = await client.get(path, params={"with": str(first)})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["row_counts"], told["table_counts"]) == ({"before": 4, "after": 4}, {"before": 1, "after": 1})
    (only,) = told["tables"]
    assert (only["change"], only["matched_by"]) == ("changed", "name_and_origin")
    assert [found["name"] for found in only["columns"]["added"]] == ["day"]
    assert [found["name"] for found in only["columns"]["removed"]] == ["note"]
    assert only["profile"][0]["facts"] == [{"fact": "mean", "before": 2.5, "after": 3.25, "change": 0.75, "share": 0.3}]
    rows = (await client.get(only["links"]["rows"])).json()
    assert (rows["key"], rows["key_from"]) == (["station"], "examination")
    assert rows["counts"] == {"added": 1, "removed": 1, "changed": 1, "unchanged": 2}
    assert rows["changed_columns"] == {"pm10": 1}
    assert [(row["change"], row["before.station"], row["after.station"]) for row in rows["items"]] == [
        ("changed", "b", "b"), ("removed", "c", None), ("added", None, "d"),
    ]  # fmt: skip
    pages, cursor = [], ""
    while True:
        page = (await client.get(f"{only['links']['rows']}&limit=1{cursor}")).json()
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert pages == rows["items"]
    for media_type in ("application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"):
        streamed = await client.get(only["links"]["rows"], headers={"Accept": media_type})
        assert streamed.status_code == 200, streamed.text
        if media_type == "application/x-ndjson":
            assert [json.loads(line) for line in streamed.text.splitlines()] == rows["items"]
        elif media_type == "text/csv":
            assert streamed.text.splitlines()[0].startswith('"change","changed_columns","before.station"')
        else:
            assert pa.ipc.open_stream(streamed.content).read_all().num_rows == 3
    whole = (await client.get(f"{only['links']['rows']}&keyless=true&change=added")).json()
    assert (whole["key"], whole["counts"]) == ([], {"added": 2, "removed": 2, "changed": 0, "unchanged": 2})
    assert [(row["station"], row["pm10"], row["count"]) for row in whole["items"]] == [("b", 5, 1), ("d", 3, 1)]


@pytest.mark.integration
async def test_what_cannot_be_compared_is_refused_with_the_reason(
    client: httpx.AsyncClient, publish: Callable[..., UUID], make_token: Any
) -> None:
    twice = pa.table({"station": ["a", "a"], "pm10": [1, 2]})
    first = await asyncio.to_thread(publish, 1, [OLD, twice], names=["one", "two"])
    second = await asyncio.to_thread(publish, 2, [twice, pa.table({"z": [1]})], names=["one", "three"])
    path = f"/api/v1/versions/{second}/compare/rows?with={first}"
    one, three = table_id(second, 0), table_id(second, 1)

    async def problem(query: str, base: str = path) -> tuple[int, str]:
        answer = await client.get(f"{base}{query}")
        return answer.status_code, answer.json()["code"]

    assert await problem("") == (422, "no_such_pair")
    assert await problem(f"&table={three}") == (422, "no_such_pair")
    assert await problem(f"&table={UUID(int=3)}") == (422, "no_such_pair")
    for key in ("key=station", "key=x%22%3B+drop", "key=pm10&key=pm10", "key=note"):
        assert await problem(f"&table={one}&{key}") == (422, "invalid_key"), key
    assert await problem(f"&table={one}&change=nothing") == (422, "invalid_request")
    assert await problem(f"&table={one}&cursor=nonsense") == (422, "invalid_cursor")
    nobody = f"/api/v1/versions/{second}/compare?with={UUID(int=4)}"
    assert await problem("", nobody) == (404, "not_found")
    steward = make_token("anna", demo="steward")
    await client.post(f"/api/v1/versions/{first}/withdraw", json={"reason": "outdated"}, headers=steward)
    assert await problem(f"&table={one}") == (410, "version_withdrawn")
