"""Applies the catalog's topics, from offset 0, in the shadow schema: reading is a batch ahead of PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from catalog_svc.projections.apply import TOPICS
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.rebuild.shadow import SCHEMA
from catalog_svc.settings import CatalogSettings
from dataplatform.log.cursor import Cursor, waves_of
from dataplatform.log.envelope import Envelope, UndecodableRecordError, from_kafka
from dataplatform.log.replay import Replay, replaying

NEVER: Final = 1_000_000_000
_LATER: Final = "null"
_ADMIT: Final = "SELECT * FROM inbox_admit(%s, %s::text[], %s::bigint[], %b::text[])"
_WAITING: Final = "SELECT stream_id, version FROM parked_events WHERE consumer = %s AND record = 'null'::jsonb"
_WRITE_OUT: Final = """
UPDATE parked_events SET record = %s::jsonb
WHERE consumer = %s AND stream_id = %s AND version = %s AND record = 'null'::jsonb
"""

Keep = Callable[[Sequence[Envelope]], Sequence[Envelope]]


class Applier:
    """Applies on from where it stopped, each time to the end as it is then. Counts what it read."""

    def __init__(self, replay: Replay, inbox: ProjectionInbox) -> None:
        self._replay = replay
        self._inbox = inbox
        self.events = 0
        self.undecodable = 0

    async def to_the_end(self, keep: Keep | None = None) -> None:
        """Apply everything up to the end that the topics have now; `keep` may leave events of a batch out."""
        applying: asyncio.Future[None] | None = None
        try:
            async for records in self._replay.until(await self._replay.ends()):
                batch = self._decode(records)
                if applying is not None:
                    await applying
                # not `to_thread`: its thread starts when the loop is next idle, which is after the next batch is read
                applying = asyncio.get_running_loop().run_in_executor(None, self._apply, batch, keep)
        finally:
            if applying is not None:
                await applying

    def _apply(self, batch: Sequence[Envelope], keep: Keep | None) -> None:
        if kept := keep(batch) if keep else batch:
            self._inbox.receive(kept)

    def _decode(self, records: Sequence[Any]) -> list[Envelope]:
        found = []
        for record in records:
            try:
                found.append(from_kafka(record.topic, record.key, record.value, record.headers))
            except UndecodableRecordError:
                self.undecodable += 1  # it is among the dead letters since the projector met it
        self.events += len(found)
        return found


@asynccontextmanager
async def applying(settings: CatalogSettings) -> AsyncIterator[Applier]:
    """Open the topics at their start, and the shadow schema; raises the errors of Kafka and PostgreSQL."""
    inbox = ProjectionInbox(
        settings.database_url, _nothing_follows, schema=SCHEMA, admit=admit, max_failures_in_a_row=NEVER
    )
    try:
        async with replaying(settings.kafka_bootstrap_servers, TOPICS) as replay:
            yield Applier(replay, inbox)
    finally:
        inbox.close()


def admit(cursor: Cursor, consumer: str, envelopes: Sequence[Envelope]) -> list[list[Envelope]]:
    """Do what `dataplatform.log.cursor.admit` does, writing out only the records that have to wait.

    Hardly any does, since topics are read in order, and writing all would be a quarter of the whole work.
    """
    streams = [envelope.stream for envelope in envelopes]
    versions = [envelope.version for envelope in envelopes]
    cursor.execute(_ADMIT, (consumer, streams, versions, [_LATER] * len(envelopes)))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if sum(row["ordinal"] is not None for row in rows) < len(envelopes):
        cursor.execute(_WAITING, (consumer,))
        waiting = set(cursor.fetchall())
        for envelope in envelopes:
            if (envelope.stream, envelope.version) in waiting:
                record = json.dumps(envelope.to_record())
                cursor.execute(_WRITE_OUT, (record, consumer, envelope.stream, envelope.version))
    return waves_of(rows, envelopes)


def _nothing_follows(_cursor: Cursor, _envelopes: Sequence[Envelope]) -> None:
    """Policies never run in a rebuild, and search documents are made once, at its end."""
