"""The event store and the inbox for a DB-API cursor (psycopg, Django). The caller owns the transaction.

The rules are the SQL functions that `store` and `inbox` call too; nothing is decided here.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from dataplatform.events.base import Event
from dataplatform.log.envelope import Context, Envelope, Rejection, enclose
from dataplatform.log.store import (
    APPEND,
    LOAD,
    VERSION_CONFLICT,
    VERSION_OF,
    VersionConflictError,
    decode_json,
    envelope_of,
    one_stream,
    to_append,
)


class Cursor(Protocol):
    """The part of PEP 249 that is used here."""

    @property
    def description(self) -> Any:
        """Columns of the result."""

    def execute(self, sql: Any, params: Any = ...) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def fetchone(self) -> Any:
        """Return the next row."""


def _rows(cursor: Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def append(
    cursor: Cursor, expected: int, events: Sequence[Event], *, service: str, now: datetime, context: Context
) -> list[Envelope]:
    """Append events to their stream, which must be at version `expected`; raises `VersionConflictError`."""
    envelopes = enclose(events, expected, service=service, now=now, context=context)
    try:
        cursor.execute(
            APPEND.format("%s", "%s", "%s::jsonb"), (one_stream(events), expected, json.dumps(to_append(envelopes)))
        )
    except Exception as error:
        if _sqlstate(error) in (VERSION_CONFLICT, "23505"):
            raise VersionConflictError(str(error)) from error
        raise
    return envelopes


def _sqlstate(error: BaseException) -> str | None:
    # Django wraps the driver's error and keeps it as the cause
    found = getattr(error, "sqlstate", None)
    return found if found or error.__cause__ is None else _sqlstate(error.__cause__)


def version_of(cursor: Cursor, stream: str) -> int:
    """Return the version a stream is at; 0 where there is none."""
    cursor.execute(VERSION_OF.format("%s"), (stream,))
    return int(cursor.fetchone()[0])


def load(cursor: Cursor, stream: str) -> list[Envelope]:
    """Return the events of a stream in order."""
    cursor.execute(LOAD.format("%s"), (stream,))
    return [envelope_of({**row, "data": decode_json(row["data"])}) for row in _rows(cursor)]


def admit(cursor: Cursor, consumer: str, envelopes: Sequence[Envelope]) -> list[list[Envelope]]:
    """Return what is to be applied now, in waves: within a wave every event is of another stream.

    Duplicates are dropped, what is ahead of its turn is parked, what was parked and now follows is returned too. The
    positions are advanced in the caller's transaction: apply everything or roll back.
    """
    cursor.execute(
        "SELECT * FROM inbox_admit(%s, %s::text[], %s::bigint[], %b::text[])", (consumer, *admit_arguments(envelopes))
    )
    return waves_of(_rows(cursor), envelopes)


def park(cursor: Cursor, consumer: str, envelopes: Sequence[Envelope], why: Rejection) -> None:
    """Give back admitted events of one stream: the first failed, the rest queue behind it."""
    streams, versions, records = admit_arguments(envelopes)
    cursor.execute(
        "SELECT inbox_park(%s, %s, %s::bigint[], %s::text[], %s, %s, %s)",
        (consumer, streams[0], versions, records, why.code, why.detail, why.attempts),
    )


def redrive(cursor: Cursor, consumer: str, stream: str) -> tuple[list[Envelope], int]:
    """Admit the failed event of a stream again with what queues behind it; return them in order, and its attempts."""
    cursor.execute("SELECT * FROM inbox_redrive(%s, %s)", (consumer, stream))
    return redriven(_rows(cursor))


def admit_arguments(envelopes: Sequence[Envelope]) -> tuple[list[str], list[int], list[str]]:
    """Return the three parallel arrays that `inbox_admit` takes: streams, versions, records."""
    return (
        [envelope.stream for envelope in envelopes],
        [envelope.version for envelope in envelopes],
        [json.dumps(envelope.to_record()) for envelope in envelopes],
    )


def waves_of(rows: Sequence[Mapping[str, Any]], envelopes: Sequence[Envelope]) -> list[list[Envelope]]:
    """Return admitted envelopes wave by wave, from the rows of `inbox_admit`."""
    waves: list[list[Envelope]] = []
    for row in rows:
        while len(waves) < row["wave"]:
            waves.append([])
        ordinal = row["ordinal"]
        waves[row["wave"] - 1].append(
            envelopes[ordinal - 1] if ordinal is not None else Envelope.from_record(decode_json(row["record"]))
        )
    return waves


def redriven(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Envelope], int]:
    """Return the envelopes and the attempts so far, from the rows of `inbox_redrive`."""
    envelopes = [Envelope.from_record(decode_json(row["record"])) for row in rows]
    return envelopes, rows[0]["attempts"] if rows else 0
