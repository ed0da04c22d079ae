"""The inbox: failures park their own stream only, faults of the database change nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest

from catalog_svc.projections import apply
from catalog_svc.projections.inbox import ProjectionInbox, TablesMissingError
from catalog_svc.projections.policy import Storage
from catalog_svc.projections.writing import reaction
from dataplatform.events.registry import TOPICS, UnknownEventTypeError
from dataplatform.log.inbox import TooManyFailuresError

pytestmark = pytest.mark.integration


def parked(catalog: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return catalog.execute(
        "SELECT stream_id, version, error_code IS NOT NULL FROM parked_events ORDER BY 1, 2"
    ).fetchall()


def test_every_event_type_of_our_topics_is_projected_or_named_as_ignored() -> None:
    known = {event.type for topic in TOPICS if topic.name in apply.TOPICS for event in topic.types}
    assert set(apply.STATEMENTS) | apply.IGNORED == known
    assert not set(apply.STATEMENTS) & apply.IGNORED


def test_a_poison_event_parks_its_stream_and_nothing_else(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    good = story.published("good")
    bad = story.upload("bad")
    first, second, third = story.enclose(*story.run(bad))
    poison = replace(first, data={**first.data, "started_at": "yesterday"})
    inbox.receive([*good, *story.enclose(bad), poison, second, third])
    assert parked(catalog) == [
        (poison.stream, 1, True),
        (poison.stream, 2, False),
        (poison.stream, 3, False),
    ]
    assert catalog.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    assert catalog.execute("SELECT count(*) FROM uploads").fetchone() == (2,)


def test_an_unknown_type_is_parked_and_goes_on_once_it_is_known(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    received, started, standardized, completed = story.enclose(upload, *story.run(upload))
    strange = replace(started, type="run.teleported.v9")
    inbox.receive([received, strange, standardized, completed])
    assert parked(catalog)[0] == (started.stream, 1, True)
    assert catalog.execute("SELECT error_code FROM parked_events WHERE version = 1").fetchone() == (
        UnknownEventTypeError.code,
    )
    assert inbox.redrive(started.stream) is False  # the release still does not know it
    catalog.execute('UPDATE parked_events SET record = record || \'{"type": "run.started.v1"}\' WHERE version = 1')
    assert inbox.failed_streams() == [started.stream]
    assert inbox.redrive(started.stream) is True
    assert parked(catalog) == []
    assert catalog.execute("SELECT status FROM runs").fetchone() == ("completed",)


def test_events_ahead_of_their_turn_wait(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    upload = story.upload()
    received, *run = story.enclose(upload, *story.run(upload))
    inbox.receive([received, run[2]])
    assert parked(catalog) == [(run[2].stream, 3, False)]
    inbox.receive([run[0], run[1]])
    assert parked(catalog) == []
    assert catalog.execute("SELECT status FROM runs").fetchone() == ("completed",)


def test_a_policy_that_fails_parks_its_cause(
    catalog: Any, catalog_url: str, story: Any, clock: Callable[[], datetime]
) -> None:
    def refuse(key: str) -> str:
        raise ValueError(key)

    inbox = ProjectionInbox(catalog_url, reaction(Storage(refuse, lambda key, _body: refuse(key)), clock))  # type: ignore[arg-type,return-value]
    envelopes = story.published()
    inbox.receive(envelopes)
    inbox.close()
    assert [row for row in parked(catalog) if row[2]] == [(envelopes[-1].stream, 1, True)]
    assert catalog.execute("SELECT count(*) FROM tables").fetchone() == (1,)


def test_too_many_failures_in_a_row_stop_the_process(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    uploads = [story.upload(f"d{number}") for number in range(30)]
    broken = [replace(envelope, data={}) for envelope in story.enclose(*uploads)]
    with pytest.raises(TooManyFailuresError):
        inbox.receive(broken)
    assert len(parked(catalog)) < 30


def test_a_connection_that_was_cut_is_opened_again(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    envelopes = story.published()
    inbox.receive(envelopes[:1])
    catalog.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
    )
    with pytest.raises(psycopg.OperationalError):
        inbox.receive(envelopes[1:])
    inbox.receive(envelopes[1:])
    assert catalog.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    assert parked(catalog) == []


def test_tables_that_are_gone_are_waited_for_and_nothing_is_parked(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    envelopes = story.published()
    catalog.execute("ALTER TABLE assessments RENAME TO elsewhere")
    with pytest.raises(TablesMissingError):
        inbox.receive(envelopes)
    catalog.execute("ALTER TABLE elsewhere RENAME TO assessments")
    inbox.receive(envelopes)
    assert catalog.execute("SELECT count(*) FROM versions").fetchone() == (1,)
