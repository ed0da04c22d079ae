"""What follows from events: registering, publishing, withdrawing."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest

from catalog_svc.projections.arrears import catch_up
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.projections.policy import Storage
from dataplatform.events.catalog import DatasetRegistered, VersionPublished, VersionWithdrawn
from dataplatform.log import cursor as log

pytestmark = pytest.mark.integration


def emitted(catalog: psycopg.Connection[Any], event_type: str) -> list[dict[str, Any]]:
    rows = catalog.execute("SELECT data FROM events WHERE type = %s ORDER BY position", [event_type]).fetchall()
    return [row[0] for row in rows]


def state(catalog: psycopg.Connection[Any], upload_id: object) -> tuple[Any, ...] | None:
    return catalog.execute(
        "SELECT state, reason_code, version_number FROM upload_states WHERE upload_id = %s", [upload_id]
    ).fetchone()


def test_the_first_upload_registers_its_dataset_once(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    inbox.receive(story.enclose(story.upload("air-quality-2024", 1)))
    inbox.receive(story.enclose(story.upload("air-quality-2024", 2)))
    (registered,) = emitted(catalog, DatasetRegistered.type)
    assert registered["title"] == "Air quality 2024"
    assert registered["institution"] == "demo"


def test_a_rejected_upload_registers_nothing(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    rejection = story.rejection()
    inbox.receive(story.enclose(rejection))
    assert emitted(catalog, DatasetRegistered.type) == []
    assert state(catalog, rejection.upload_id) == ("rejected", "empty_file", None)


def test_a_version_is_published_when_run_and_assessment_are_both_in(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    received, *run = story.enclose(upload, *story.run(upload, tables=2))
    (assessed,) = story.enclose(story.assessment(upload, 0.8))
    inbox.receive([received])
    assert state(catalog, upload.upload_id) == ("received", None, None)
    inbox.receive(run[:1])
    assert state(catalog, upload.upload_id) == ("running", None, None)
    inbox.receive(run[1:])
    assert state(catalog, upload.upload_id) == ("assessing", None, None)
    assert emitted(catalog, VersionPublished.type) == []
    inbox.receive([assessed])
    assert state(catalog, upload.upload_id) == ("published", None, 1)
    (published,) = emitted(catalog, VersionPublished.type)
    assert published["number"] == 1
    assert published["latest"] is True
    assert published["quality"] == 0.8
    assert [table["uris"] for table in published["tables"]] == [
        [f"s3://bucket/{table['parts'][0]['key']}"] for table in published["tables"]
    ]
    assert published["tables"][1]["columns"][1]["name"] == "pm10"


def test_whatever_order_the_topics_come_in_the_version_is_published_once(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    envelopes = story.published()
    random.Random(7).shuffle(envelopes)
    for envelope in [*envelopes, *envelopes]:
        inbox.receive([envelope])
    assert len(emitted(catalog, VersionPublished.type)) == 1


def test_versions_are_numbered_in_the_order_they_are_published_and_an_older_upload_is_not_the_latest(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    older, newer = story.upload(number=1), story.upload(number=2)
    inbox.receive(story.enclose(older, newer, *story.run(newer), story.assessment(newer)))
    inbox.receive(story.enclose(*story.run(older), story.assessment(older)))
    first, second = emitted(catalog, VersionPublished.type)
    assert (first["number"], first["latest"], first["upload_id"]) == (1, True, str(newer.upload_id))
    assert (second["number"], second["latest"], second["upload_id"]) == (2, False, str(older.upload_id))
    served = catalog.execute("SELECT version_id, version_count FROM search_documents").fetchone()
    assert (str(served[0]), served[1]) == (first["version_id"], 2)


def test_several_versions_of_one_dataset_in_one_batch_are_all_published(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    inbox.receive([envelope for number in range(5) for envelope in story.published(number=number)])
    assert [event["number"] for event in emitted(catalog, VersionPublished.type)] == [1, 2, 3, 4, 5]


def test_a_withdrawn_upload_is_never_published(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, story.withdrawal(upload), *story.run(upload), story.assessment(upload)))
    assert emitted(catalog, VersionPublished.type) == []
    assert state(catalog, upload.upload_id) == ("withdrawn", "owner_request", None)


def test_withdrawing_an_upload_withdraws_its_version_and_the_one_before_is_served(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    inbox.receive(story.published(number=1))
    second = story.upload(number=2)
    inbox.receive(story.enclose(second, *story.run(second), story.assessment(second)))
    inbox.receive(story.enclose(story.withdrawal(second)))
    (withdrawn,) = emitted(catalog, VersionWithdrawn.type)
    assert withdrawn["reason_code"] == "owner_request"
    served = catalog.execute("SELECT v.number FROM search_documents d JOIN versions v USING (version_id)").fetchone()
    assert served == (1,)


def test_a_failed_run_ends_without_a_version_and_with_its_reason(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, story.run_failed(upload)))
    assert state(catalog, upload.upload_id) == ("failed", "table_not_found", None)


def test_what_follows_carries_the_correlation_of_its_cause(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    envelopes = story.published()
    inbox.receive(envelopes)
    (row,) = catalog.execute(
        "SELECT correlation_id, causation_id FROM events WHERE type = %s", [VersionPublished.type]
    ).fetchall()
    assert row[0] == story.correlation_id
    assert row[1] in {envelope.id for envelope in envelopes if envelope.type.split(".")[1] == "completed"}


def test_the_copy_from_kafka_of_our_own_event_is_a_duplicate(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    inbox.receive(story.published())
    with catalog.cursor() as cursor:
        cursor.execute("SELECT DISTINCT stream_id FROM events")
        own = [envelope for (stream,) in cursor.fetchall() for envelope in log.load(cursor, stream)]
    before = catalog.execute("SELECT count(*) FROM events").fetchone()
    inbox.receive(own)
    assert catalog.execute("SELECT count(*) FROM events").fetchone() == before
    assert catalog.execute("SELECT count(*) FROM versions").fetchone() == (1,)


def test_what_came_while_no_policy_ran_is_made_good_once(
    catalog: Any, catalog_url: str, story: Any, clock: Callable[[], datetime]
) -> None:
    quiet = ProjectionInbox(catalog_url, lambda _cursor, _envelopes: None)
    withdrawn = story.upload("second")
    quiet.receive([*story.published("first"), *story.enclose(story.rejection("third"), withdrawn)])
    quiet.close()
    storage = Storage(lambda key: f"s3://bucket/{key}", lambda key, _body: pytest.fail(key))
    assert catch_up(catalog_url, storage, clock) == 2
    assert catch_up(catalog_url, storage, clock) == 0
    assert len(emitted(catalog, DatasetRegistered.type)) == 2
    assert len(emitted(catalog, VersionPublished.type)) == 1
    assert catalog.execute("SELECT count(*) FROM search_documents").fetchone() == (2,)


def test_a_version_of_very_many_columns_names_them_in_a_manifest(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    names = tuple(f"c{number}" for number in range(1000))
    inbox.receive(story.enclose(upload, *story.run(upload, tables=11, columns=names), story.assessment(upload)))
    (published,) = emitted(catalog, VersionPublished.type)
    assert published["tables"] == []
    assert published["table_count"] == 11
    assert published["manifest"]["key"].startswith("manifests/")
    assert published["manifest"]["size_bytes"] > 100_000
