"""Filters, orders and pages of lists: the same in the database and in memory, and typed refusals."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest
from django.http import HttpRequest, QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import create_model

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.identity import dataset_id, institution_id
from dataplatform.problems import Problem

pytestmark = pytest.mark.integration

API = "/api/v1"
AIR = dataset_id(institution_id("demo"), "air-quality")
START = datetime(2026, 1, 1, tzinfo=UTC)


ITEMS = [
    {
        "key": key,
        "name": "aäb"[key % 3] * (key % 4),
        "score": None if key % 5 == 0 else key % 7 / 2,
        "at": START + timedelta(days=key % 6),
        "state": [None, "open", "done"][key % 3],
    }
    for key in range(40)
]


def request(query: str) -> HttpRequest:
    made = HttpRequest()
    made.GET = QueryDict(query)
    return made


@pytest.fixture(scope="module")
def things(catalog_url: str) -> Any:
    """A list of things in memory; what has to do with ninja can be imported only now."""
    listing = import_module("catalog_svc.listing")
    fields = (
        listing.integer("key"),
        listing.text("name"),
        listing.number("score", optional=True),
        listing.moment("at"),
        listing.code("state", optional=True),
    )
    declared: dict[str, Any] = {field.name: (Any, ...) for field in fields}
    schema = create_model("Thing", **declared)
    return listing.Listing("things", schema, fields, order=["-at"], key="key")


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ("key[lt]=5", lambda item: item["key"] < 5),
        ("key[gte]=3&key[lte]=8", lambda item: 3 <= item["key"] <= 8),
        ("score[eq]=1.5", lambda item: item["score"] == 1.5),
        ("score[ne]=1.5", lambda item: item["score"] != 1.5),
        ("score[is_null]=true", lambda item: item["score"] is None),
        ("state[in]=open,done", lambda item: item["state"] is not None),
        ("state[in]=open&state[in]=x", lambda item: item["state"] == "open"),
        ("state[not_in]=open", lambda item: item["state"] != "open"),
        ("name[contains]=ää", lambda item: "ää" in item["name"]),
        ("name[icontains]=AA", lambda item: "aa" in item["name"]),
        ("at[gt]=2026-01-03T00:00:00Z", lambda item: item["at"] > START + timedelta(days=2)),
    ],
)  # fmt: skip
def test_a_condition_means_what_its_name_says(things: Any, query: str, test: Callable[[Any], bool]) -> None:
    found = things.asked(request(query)).page_of(ITEMS, None, 200)
    assert sorted(item["key"] for item in found.rows) == [item["key"] for item in ITEMS if test(item)]


@given(
    orders=st.permutations(["key", "-name", "score", "-at", "state"]).map(lambda names: names[:3]),
    limit=st.integers(1, 13),
)
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_pages_of_any_order_are_the_whole_in_that_order(things: Any, orders: list[str], limit: int) -> None:
    asked = things.asked(request(f"sort={','.join(orders)}"))
    whole = [item["key"] for item in asked.page_of(ITEMS, None, 200).rows]
    seen: list[int] = []
    cursor = None
    while True:
        page = asked.page_of(ITEMS, cursor, limit)
        seen += [item["key"] for item in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert seen == whole
    assert sorted(seen) == list(range(40))


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("colour[eq]=red", "unknown_field"),
        ("sort=colour", "unknown_field"),
        ("fields=colour", "unknown_field"),
        ("fields=", "invalid_query"),
        ("name[like]=x", "unknown_operator"),
        ("key[contains]=1", "unknown_operator"),
        ("name[is_null]=true", "unknown_operator"),
        ("key[eq]=one", "invalid_value"),
        ("key[eq]=1.5", "invalid_value"),
        ("key[eq]=99999999999999999999", "invalid_value"),
        ("score[is_null]=perhaps", "invalid_value"),
        ("at[lt]=yesterday", "invalid_value"),
        ("name[eq]=%00", "invalid_value"),
        ("key=1", "unknown_parameter"),
        ("sort=key,name,score,at,state", "invalid_query"),
        ("&".join(f"key[ne]={key}" for key in range(101)), "filter_too_large"),
        ("key[in]=" + ",".join(map(str, range(101))), "filter_too_large"),
    ],
    ids=lambda value: value[:24] if value.isascii() else None,
)
def test_what_makes_no_sense_is_refused_by_its_code(things: Any, query: str, refusal: str) -> None:
    with pytest.raises(Problem) as refused:
        things.asked(request(query))
    assert (refused.value.status, refused.value.code) == (422, refusal)


def test_a_cursor_belongs_to_its_list_its_filter_its_order_and_its_scope(things: Any) -> None:
    first = things.asked(request("")).page_of(ITEMS, None, 3, scope="a")
    for query, scope in (("", "b"), ("sort=key", "a"), ("key[lt]=9", "a")):
        with pytest.raises(Problem) as refused:
            things.asked(request(query)).page_of(ITEMS, first.next, 3, scope=scope)
        assert refused.value.code == "invalid_cursor"


async def test_lists_of_the_database_are_filtered_sorted_and_thinned(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any
) -> None:
    for nth in range(1, 8):
        inbox.receive(story.published(number=nth))
    address = f"{API}/datasets/{AIR}/versions"
    for sort, limit in itertools.product(("number", "-number", "quality,-published_at", "withdrawn_at"), (2, 3)):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await client.get(address, params={"sort": sort, "limit": limit, "fields": "number", **cursor})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert all(set(item) == {"number"} for item in page["items"])
            seen += [item["number"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert sorted(seen) == list(range(1, 8)), sort
        if sort.endswith("number"):
            assert seen == sorted(seen, reverse=sort.startswith("-"))
    some = await client.get(address, params={"number[in]": "2,5", "withdrawn_at[is_null]": "true", "format[ne]": "pdf"})
    assert [item["number"] for item in some.json()["items"]] == [5, 2]
    for query in ("number[eq]=x", "colour[eq]=1", "number[like]=1", "number=1"):
        answer = await client.get(f"{address}?{query}")
        assert answer.status_code == 422, query
    uploads = await client.get(f"{API}/datasets/{AIR}/uploads", params={"state[eq]": "published", "sort": "file_name"})
    assert len(uploads.json()["items"]) == 7
    (table,) = (await client.get(f"{some.json()['items'][0]['links']['tables']}")).json()["items"]
    columns = await client.get(table["links"]["columns"], params={"name[starts_with]": "pm", "fields": "name,position"})
    assert columns.json()["items"] == [{"name": "pm10", "position": 1}]
    document = (await client.get(f"{API}/openapi.json")).json()
    operation = document["paths"]["/api/v1/datasets/{dataset_id}/versions"]["get"]
    (described,) = [found for found in operation["parameters"] if found["name"] == "number"]
    assert described["style"] == "deepObject"
    assert "gte" in described["schema"]["properties"]
