"""The catalog's inbox: a batch from Kafka becomes rows, and what follows from it, in one transaction.

A batch is applied whole if it can be. If anything in it fails for good it is taken again event by event, and only the
streams that failed are parked. Faults of the database are raised: nothing has changed then, and the batch comes again.
"""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from catalog_svc.projections import apply, locks, writing
from dataplatform.log import cursor as log
from dataplatform.log import metrics
from dataplatform.log.envelope import Envelope, UndecodableRecordError
from dataplatform.log.inbox import MAX_FAILURES_IN_A_ROW, FailureStreak, bury_arguments, rejection_of
from dataplatform.log.postgres import is_infrastructure_error

_log = structlog.get_logger(__name__)

# a member that was stopped in the middle of a batch must not hold its datasets' locks for ever
_LIVE_OPTIONS = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=40s"
# tables fill from nothing there: a plan that was kept would be one for empty tables
_SHADOW_OPTIONS = "-c search_path={schema},public -c plan_cache_mode=force_custom_plan"
_BURY = "SELECT inbox_bury(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_FAILED_STREAMS = """SELECT stream_id FROM parked_events WHERE consumer = %s AND error_code IS NOT NULL
                     ORDER BY parked_at, stream_id"""


Admit = Callable[[log.Cursor, str, Sequence[Envelope]], list[list[Envelope]]]


class TablesMissingError(Exception):
    """Somebody dropped projection tables: wait for `rebuild` to make them again, park nothing."""

    code = "tables_missing"
    is_transient = True


def passes(error: BaseException) -> bool:
    """Whether to wait and try again: the database is away, or an operator is about to rebuild missing tables."""
    return is_infrastructure_error(error) or isinstance(error, psycopg.errors.UndefinedTable)


class ProjectionInbox:
    """Applies batches on one connection, which it opens again when it broke. For one thread.

    `react` does what follows from events. `schema`, where given, is a shadow schema that nobody else writes: it comes
    first in the search path, and no locks are taken.
    """

    def __init__(
        self,
        database_url: str,
        react: writing.React,
        *,
        schema: str | None = None,
        admit: Admit = log.admit,
        max_failures_in_a_row: int = MAX_FAILURES_IN_A_ROW,
    ) -> None:
        self._database_url = database_url
        self._react = react
        self._schema = schema
        self._admit = admit
        self._connection: psycopg.Connection[Any] | None = None
        self._streak = FailureStreak(max_failures_in_a_row)

    def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Apply, park or drop every envelope, durably. Raises faults that pass, and `TooManyFailuresError`."""
        try:
            self._receive(envelopes)
        except psycopg.errors.UndefinedTable as error:
            self.close()
            raise TablesMissingError(f"{error}: run `dataplatform catalog rebuild`") from error
        except Exception as error:
            if passes(error):
                self.close()
            raise

    def bury(self, record: Any, error: UndecodableRecordError) -> None:
        """Keep a record that is no event among the dead letters."""
        topic, partition, offset, key, value, headers, code, detail = bury_arguments(record, error)
        where = (apply.CONSUMER, topic, partition, offset)
        try:
            with self._open().transaction():
                self._open().execute(_BURY, (*where, key, value, Jsonb(headers), code, detail))
        except psycopg.Error:
            self.close()
            raise

    def redrive(self, stream: str) -> bool:
        """Apply the failed event of a stream again, and what queues behind it; return whether all went through."""
        with self._open().transaction(), self._open().cursor() as cursor:
            envelopes, attempts = log.redrive(cursor, apply.CONSUMER, stream)
            return not self._apply_in_order(cursor, envelopes, attempts)

    def failed_streams(self) -> list[str]:
        """Return the streams that wait behind a failed event, oldest failure first."""
        with self._open().transaction():
            return [row[0] for row in self._open().execute(_FAILED_STREAMS, (apply.CONSUMER,))]

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            options = _SHADOW_OPTIONS.format(schema=self._schema) if self._schema else _LIVE_OPTIONS
            self._connection = psycopg.connect(self._database_url, autocommit=True, connect_timeout=5, options=options)
        return self._connection

    def _receive(self, envelopes: Sequence[Envelope]) -> None:
        try:
            self._apply_whole(envelopes)
        except Exception as error:
            if passes(error):
                raise
            _log.warning("batch_taken_apart", events=len(envelopes), error=f"{type(error).__name__}: {error}")
        else:
            self._streak.record(failed=False)
            return
        for envelope in envelopes:
            self._apply_one(envelope)

    def _apply_whole(self, envelopes: Sequence[Envelope]) -> None:
        with self._open().transaction(), self._open().cursor() as cursor:
            self._lock(cursor, envelopes)
            waves = self._admit(cursor, apply.CONSUMER, envelopes)
            self._apply(cursor, waves)
        metrics.EVENTS_APPLIED.labels(apply.CONSUMER).inc(sum(map(len, waves)))

    def _apply_one(self, envelope: Envelope) -> None:
        with self._open().transaction(), self._open().cursor() as cursor:
            self._lock(cursor, [envelope])
            in_order = [wave[0] for wave in self._admit(cursor, apply.CONSUMER, [envelope])]
            failed = self._apply_in_order(cursor, in_order, attempts=0)
        if in_order:
            self._streak.record(failed=failed)

    def _apply_in_order(self, cursor: psycopg.Cursor[Any], envelopes: Sequence[Envelope], attempts: int) -> bool:
        """Apply events of one stream up to the first that fails, park from there; return whether one failed."""
        for index, envelope in enumerate(envelopes):
            try:
                with cursor.connection.transaction():
                    self._apply(cursor, [[envelope]])
            except Exception as error:
                if passes(error):
                    raise
                why = rejection_of(error, attempts + 1 if index == 0 else 1)
                log.park(cursor, apply.CONSUMER, envelopes[index:], why)
                metrics.EVENTS_PARKED.labels(apply.CONSUMER, why.code).inc()
                _log.exception("event_parked", stream=envelope.stream, version=envelope.version, code=why.code)
                return True
            metrics.EVENTS_APPLIED.labels(apply.CONSUMER).inc()
        return False

    def _apply(self, cursor: psycopg.Cursor[Any], waves: Sequence[Sequence[Envelope]]) -> None:
        apply.apply_waves(cursor, waves)
        admitted = [envelope for wave in waves for envelope in wave]
        if admitted:
            self._react(cursor, admitted)

    def _lock(self, cursor: psycopg.Cursor[Any], envelopes: Sequence[Envelope]) -> None:
        if self._schema:
            return
        locks.lock(
            cursor,
            locks.datasets_named(envelopes),
            institutions=any(envelope.stream.startswith("institution:") for envelope in envelopes),
        )
