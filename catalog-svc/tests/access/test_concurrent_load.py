"""Two institutions' people at once, on the whole application: nobody is ever shown what is of the other institution."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from . import world

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
CLIENTS, REQUESTS = 12, 25


def paths_of(place: world.Place) -> list[str]:
    """Where a place's data can be read."""
    dataset, version = (
        f"/api/v1/{kind}/{place.ids[name]}" for kind, name in (("datasets", "dataset_id"), ("versions", "version_id"))
    )
    return [dataset, f"{dataset}/versions", f"{version}/tables", f"/api/v1/tables/{place.ids['table_id']}/columns"]


async def test_two_institutions_data_are_never_mixed_under_concurrent_load(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, inbox: Any, make_story: Any, make_reference: Any,
    make_token: Callable[..., Any],
) -> None:  # fmt: skip
    places, people = await asyncio.to_thread(world.build, catalog, inbox, make_story, make_reference, make_token)
    stewards = {
        world.OWN: people["steward"], world.FOREIGN: make_token("steward-other", **{world.FOREIGN: "steward"}),
    }  # fmt: skip
    ids = {slug: {place.ids["dataset_id"] for place in places if place.institution == slug} for slug in stewards}
    public = {place.ids["dataset_id"] for place in places if place.visibility == "public"}
    answers = 0

    async def one(number: int) -> None:
        nonlocal answers
        chance, slug = random.Random(number), (world.OWN, world.FOREIGN)[number % 2]
        mine = ids[slug] | public
        for _ in range(REQUESTS):
            place = chance.choice(places)
            path = chance.choice(
                [*paths_of(place), "/api/v1/datasets?limit=50", "/api/v1/datasets?q=air", "/api/v1/me"]
            )
            answer = await client.get(path, headers=stewards[slug])
            visible = "/datasets?" in path or path.endswith("/me") or place.ids["dataset_id"] in mine
            assert answer.status_code == (200 if visible else 404), (slug, path, answer.text)
            said = answer.text
            assert not any(name in said for name in set().union(*ids.values()) - mine), (slug, path)
            if path.endswith("limit=50"):
                assert {item["dataset_id"] for item in answer.json()["items"]} == mine
            if path.endswith("/me"):
                assert answer.json()["institutions"] == {slug: ["steward"]}
            answers += 1

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    assert answers == CLIENTS * REQUESTS
