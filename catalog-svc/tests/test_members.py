"""Several projector members at once: they hold events of the same datasets, from different topics."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import psycopg
import pytest

from catalog_svc.projections import search
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.projections.policy import Storage
from catalog_svc.projections.writing import reaction
from dataplatform.events.base import ObjectRef
from dataplatform.log.envelope import Envelope

pytestmark = pytest.mark.integration
DATASETS = 25
MEMBERS = 3


def unused(key: str, body: bytes) -> ObjectRef:
    raise AssertionError(f"no manifest is needed: {key} {len(body)}")


@pytest.mark.parametrize("seed", range(3))
def test_members_with_events_of_the_same_datasets_publish_each_version_once_and_lose_no_words(
    catalog: psycopg.Connection[Any], catalog_url: str, story: Any, clock: Callable[[], datetime], seed: int
) -> None:
    chance = random.Random(seed)
    envelopes = [
        envelope
        for index in range(DATASETS)
        for number in (1, 2)
        for envelope in story.published(f"set-{index}", number, columns=(f"only-{index}",))
    ]
    hands: list[list[Envelope]] = [[] for _ in range(MEMBERS)]
    for envelope in envelopes:
        # some events are held by two members, as in a rebalance
        for hand in chance.sample(hands, chance.choice([1, 1, 2])):
            hand.append(envelope)
    together = Barrier(MEMBERS)

    def member(hand: list[Envelope]) -> None:
        inbox = ProjectionInbox(catalog_url, reaction(Storage(lambda key: f"s3://bucket/{key}", unused), clock))
        together.wait()
        for begin in range(0, len(hand), 20):
            inbox.receive(hand[begin : begin + 20])
        inbox.close()

    with ThreadPoolExecutor(MEMBERS) as threads:
        for running in [threads.submit(member, hand) for hand in hands]:
            running.result(60)

    assert catalog.execute("SELECT count(*), count(DISTINCT version_id) FROM versions").fetchone() == (50, 50)
    numbers = catalog.execute("SELECT array_agg(number ORDER BY number) FROM versions GROUP BY dataset_id").fetchall()
    assert numbers == [([1, 2],)] * DATASETS
    assert catalog.execute("SELECT count(*) FROM events").fetchone() == (3 * DATASETS,)
    assert catalog.execute("SELECT count(*) FROM parked_events").fetchone() == (0,)
    with catalog.transaction(), catalog.cursor() as cursor:
        shown = "SELECT * FROM search_documents ORDER BY dataset_id"
        before = cursor.execute(shown).fetchall()
        search.refresh_all(cursor)
        assert cursor.execute(shown).fetchall() == before
