"""The event store for asyncpg: append with an expected version, read back. The caller owns the transaction."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from dataplatform.events.base import Event
from dataplatform.log.envelope import Context, Envelope, enclose
from dataplatform.log.postgres import Executor

VERSION_CONFLICT = "DP001"
APPEND = "SELECT log_append({0}, {1}, {2})"
VERSION_OF = "SELECT coalesce(max(version), 0) FROM events WHERE stream_id = {0}"
LOAD = """SELECT event_id, source, type, stream_id, version, time, topic, key, data, correlation_id, causation_id,
                 traceparent
          FROM events WHERE stream_id = {0} ORDER BY version"""


class VersionConflictError(Exception):
    """The stream is not at the expected version: load it again and decide again."""

    code = "version_conflict"
    is_transient = True


def envelope_of(row: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a row of `events`."""
    return Envelope(
        id=row["event_id"],
        source=row["source"],
        type=row["type"],
        stream=row["stream_id"],
        version=row["version"],
        time=row["time"],
        topic=row["topic"],
        key=row["key"],
        data=row["data"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
    )


def to_append(envelopes: Sequence[Envelope]) -> list[dict[str, Any]]:
    """Return the argument that the SQL function `log_append` takes."""
    return [{**envelope.to_record(), "event_id": str(envelope.id)} for envelope in envelopes]


def one_stream(events: Sequence[Event]) -> str:
    """Return the stream that all `events` belong to; raises `ValueError` where they do not."""
    streams = {event.stream for event in events}
    if len(streams) != 1:
        raise ValueError(f"events of one append belong to one stream, not to {sorted(streams)}")
    return streams.pop()


async def append(
    connection: Executor,
    expected: int,
    events: Sequence[Event],
    *,
    service: str,
    now: datetime,
    context: Context,
) -> list[Envelope]:
    """Append events to their stream, which must be at version `expected` (0: new); the relay wakes on commit.

    Raises `VersionConflictError`; the transaction is then of no further use.
    """
    envelopes = enclose(events, expected, service=service, now=now, context=context)
    try:
        await connection.fetchval(APPEND.format("$1", "$2", "$3"), one_stream(events), expected, to_append(envelopes))
    except asyncpg.UniqueViolationError as error:
        raise VersionConflictError(str(error)) from error
    except asyncpg.PostgresError as error:
        if error.sqlstate == VERSION_CONFLICT:
            raise VersionConflictError(str(error)) from error
        raise
    return envelopes


async def version_of(connection: Executor, stream: str) -> int:
    """Return the version a stream is at; 0 where there is none."""
    return int(await connection.fetchval(VERSION_OF.format("$1"), stream))


async def load(connection: Executor, stream: str) -> list[Envelope]:
    """Return the events of a stream in order."""
    return [envelope_of(dict(row)) for row in await connection.fetch(LOAD.format("$1"), stream)]


def decode_json(value: Any) -> Any:
    """Return JSON as Python objects, whether or not the driver did so already."""
    return json.loads(value) if isinstance(value, str) else value
