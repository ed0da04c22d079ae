"""The inbox for asyncpg: every event is applied once, in its stream's order, in one transaction with its effect.

`receive` takes a batch. It is applied whole if it can be; if anything in it fails for good, it is taken again event by
event, and only the streams that failed are parked.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog

from dataplatform.log import cursor, metrics
from dataplatform.log.consumer import Record
from dataplatform.log.envelope import Envelope, Rejection, UndecodableRecordError
from dataplatform.log.postgres import is_infrastructure_error

ADMIT = "SELECT * FROM inbox_admit($1, $2, $3, $4)"
PARK = "SELECT inbox_park($1, $2, $3, $4, $5, $6, $7)"
REDRIVE = "SELECT * FROM inbox_redrive($1, $2)"
BURY = "SELECT inbox_bury($1, $2, $3, $4, $5, $6, $7, $8, $9)"
MAX_FAILURES_IN_A_ROW: Final = 20
DETAIL_LIMIT: Final = 2000

Apply = Callable[[Any, Sequence[Envelope]], Awaitable[None]]
"""Applies events of different streams inside the transaction of the connection given."""

_log = structlog.get_logger(__name__)


class TooManyFailuresError(Exception):
    """So many events failed one after another that the fault is ours: stop instead of parking the world."""

    code = "too_many_failures"


def rejection_of(error: BaseException, attempts: int = 1) -> Rejection:
    """Return the stable code and the words of a failure. A code comes from the error's own `code`, if it has one."""
    code = getattr(error, "code", None)
    return Rejection(
        code if isinstance(code, str) else "handler_failed",
        _plain(f"{type(error).__name__}: {error}")[:DETAIL_LIMIT],
        attempts,
    )


def bury_arguments(record: Record, error: UndecodableRecordError) -> tuple[Any, ...]:
    """Return the arguments of `inbox_bury` after the consumer. Header values are kept as text, bytes escaped."""
    headers = {_plain(name): _plain(value.decode("utf-8", "backslashreplace")) for name, value in record.headers}
    where = (record.topic, record.partition, record.offset)
    return (*where, record.key, record.value, headers, error.code, error.detail[:DETAIL_LIMIT])


def _plain(text: str) -> str:
    # PostgreSQL keeps no NUL and no lone surrogate in text
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


class FailureStreak:
    """Counts failures with no success between them."""

    def __init__(self, limit: int = MAX_FAILURES_IN_A_ROW) -> None:
        self._limit = limit
        self._length = 0

    def record(self, *, failed: bool) -> None:
        """Count one outcome; raises `TooManyFailuresError` at the limit."""
        self._length = self._length + 1 if failed else 0
        if self._length >= self._limit:
            raise TooManyFailuresError(
                f"{self._length} events failed in a row; the last ones are parked with their errors"
            )


class Inbox:
    """The inbox of one consumer; `apply` is what that consumer does with events."""

    def __init__(
        self, pool: asyncpg.Pool, consumer: str, apply: Apply, *, max_failures_in_a_row: int = MAX_FAILURES_IN_A_ROW
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._apply = apply
        self._streak = FailureStreak(max_failures_in_a_row)

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Apply, park or drop every envelope, durably, before returning.

        Raises what `is_infrastructure_error` recognizes (nothing changed: try again) and `TooManyFailuresError`.
        """
        try:
            await self._apply_whole(envelopes)
        except Exception as error:
            if is_infrastructure_error(error):
                raise
        else:
            self._streak.record(failed=False)
            return
        for envelope in envelopes:
            await self._apply_one(envelope)

    async def bury(self, record: Record, error: UndecodableRecordError) -> None:
        """Keep a record that is no event among the dead letters; the stream it may have meant is not known."""
        await self._pool.execute(BURY, self._consumer, *bury_arguments(record, error))

    async def _apply_whole(self, envelopes: Sequence[Envelope]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(ADMIT, self._consumer, *cursor.admit_arguments(envelopes))
            for wave in cursor.waves_of([dict(row) for row in rows], envelopes):
                await self._apply(connection, wave)
        metrics.EVENTS_APPLIED.labels(self._consumer).inc(len(rows))

    async def _apply_one(self, envelope: Envelope) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(ADMIT, self._consumer, *cursor.admit_arguments([envelope]))
            in_order = [wave[0] for wave in cursor.waves_of([dict(row) for row in rows], [envelope])]
            failed = await self._apply_in_order(connection, in_order, attempts=0)
        if in_order:
            self._streak.record(failed=failed)

    async def _apply_in_order(self, connection: Any, envelopes: Sequence[Envelope], attempts: int) -> bool:
        """Apply events of one stream up to the first that fails, park from there; return whether one failed."""
        for index, envelope in enumerate(envelopes):
            try:
                async with connection.transaction():
                    await self._apply(connection, [envelope])
            except Exception as error:
                if is_infrastructure_error(error):
                    raise
                why = rejection_of(error, attempts + 1 if index == 0 else 1)
                await self._park(connection, envelopes[index:], why)
                return True
            metrics.EVENTS_APPLIED.labels(self._consumer).inc()
        return False

    async def _park(self, connection: Any, envelopes: Sequence[Envelope], why: Rejection) -> None:
        first = envelopes[0]
        streams, versions, records = cursor.admit_arguments(envelopes)
        await connection.execute(
            PARK, self._consumer, streams[0], versions, records, why.code, why.detail, why.attempts
        )
        metrics.EVENTS_PARKED.labels(self._consumer, why.code).inc()
        _log.error(
            "event_parked", consumer=self._consumer, stream=first.stream, version=first.version, type=first.type,
            code=why.code, detail=why.detail,
        )  # fmt: skip

    async def redrive(self, stream: str) -> bool:
        """Apply the failed event of a stream again, and what queues behind it; return whether all went through."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(REDRIVE, self._consumer, stream)
            envelopes, attempts = cursor.redriven([dict(row) for row in rows])
            return not await self._apply_in_order(connection, envelopes, attempts)
