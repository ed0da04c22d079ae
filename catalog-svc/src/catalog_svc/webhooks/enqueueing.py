"""From events to deliveries: in the transaction that projects them, once for each endpoint, never in a rebuild.

Whoever projects live calls `enqueue` with what was admitted. No Django here: the projector does without.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from catalog_svc.webhooks import messages
from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope

FAMILY: Final = "webhook"
"""Each endpoint has a queue of its own in this family, so that none waits behind another."""
MAX_ATTEMPTS: Final = 10_000
"""More than three days have room for: the schedule ends a delivery, not a count."""

_WANTED: Final = """
SELECT array_agg(DISTINCT t) FROM webhook_endpoints w, unnest(w.event_types) AS u (t) WHERE w.disabled_at IS NULL
"""

# whose an event is: as it says itself, as its dataset says, or as an upload of that dataset said
_MATCHED: Final = """
WITH events AS (
    SELECT e.event_id, e.type, e.dataset_id, d.visibility,
           coalesce(e.institution_id, d.institution_id, (
               SELECT u.institution_id FROM uploads u WHERE u.dataset_id = e.dataset_id LIMIT 1)) AS institution_id
    FROM jsonb_to_recordset(%s::jsonb) AS e (event_id uuid, type text, dataset_id uuid, institution_id uuid)
    LEFT JOIN datasets d ON d.dataset_id = e.dataset_id)
SELECT e.event_id, w.endpoint_id, e.institution_id IS NOT NULL AS placed
FROM events e
LEFT JOIN webhook_endpoints w ON w.disabled_at IS NULL AND e.type = ANY (w.event_types)
     AND (cardinality(w.datasets) = 0 OR e.dataset_id = ANY (w.datasets))
     AND (w.institution_id = e.institution_id
          OR (w.include_public AND e.visibility = 'public' AND e.type = ANY (%s::text[])))
     AND (%s::uuid IS NULL OR w.endpoint_id = %s::uuid)
"""

_PLACED_NOW: Final = """
DELETE FROM webhook_unplaced u USING datasets d
WHERE u.dataset_id = ANY (%s::uuid[]) AND d.dataset_id = u.dataset_id RETURNING u.record
"""

_KEEP_UNPLACED: Final = """
INSERT INTO webhook_unplaced (event_id, dataset_id, record, kept_at)
SELECT e.event_id, e.dataset_id, e.record, clock_timestamp()
FROM jsonb_to_recordset(%s::jsonb) AS e (event_id uuid, dataset_id uuid, record jsonb) ON CONFLICT DO NOTHING
"""

_KEEP_MESSAGES: Final = """
INSERT INTO webhook_messages (event_id, type, dataset_id, body, occurred_at, kept_at)
SELECT m.event_id, m.type, m.dataset_id, m.body, m.occurred_at, clock_timestamp()
FROM jsonb_to_recordset(%s::jsonb) AS m (event_id uuid, type text, dataset_id uuid, body text, occurred_at timestamptz)
ON CONFLICT (event_id) DO UPDATE SET kept_at = excluded.kept_at
"""

# a delivery that is there is left alone, unless it is to be sent again and has ended
_DELIVER: Final = """
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS a (
        delivery_id uuid, endpoint_id uuid, event_id uuid, type text, dataset_id uuid, correlation_id uuid)
), made AS (
    INSERT INTO webhook_deliveries AS d (delivery_id, endpoint_id, event_id, type, dataset_id, state, round, attempts,
                                         created_at, asked_at, next_attempt_at)
    SELECT delivery_id, endpoint_id, event_id, type, dataset_id, 'pending', 1, 0, clock_timestamp(), clock_timestamp(),
           clock_timestamp()
    FROM asked
    ON CONFLICT (delivery_id) DO UPDATE
    SET state = 'pending', round = d.round + 1, attempts = 0, asked_at = excluded.asked_at, ended_at = NULL,
        next_attempt_at = excluded.next_attempt_at
    WHERE %s AND d.state <> 'pending'
    RETURNING delivery_id, round
)
SELECT a.delivery_id,
       job_enqueue(%s || '/' || a.endpoint_id, a.delivery_id || '/' || m.round,
                   jsonb_build_object('delivery_id', a.delivery_id), %s, %s, a.correlation_id, NULL, NULL)
FROM made m JOIN asked a ON a.delivery_id = m.delivery_id
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message for an endpoint."""

    endpoint_id: UUID
    event_id: UUID
    type: str
    dataset_id: UUID | None
    body: str
    occurred_at: str
    correlation_id: UUID


def enqueue(cursor: Cursor, envelopes: Sequence[Envelope]) -> None:
    """Enqueue what endpoints want of events that were just projected; costs one small query where none wants any."""
    cursor.execute(_WANTED)
    wanted = set(cursor.fetchone()[0] or ())
    if not wanted:
        return
    found = {envelope.id: envelope for envelope in (*envelopes, *_placed_now(cursor, envelopes))}
    chosen = {name: envelope for name, envelope in found.items() if envelope.type in wanted}
    if not chosen:
        return
    asked, unplaced = match(cursor, list(chosen.values()))
    _keep_unplaced(cursor, unplaced)
    deliver(cursor, asked)


def match(
    cursor: Cursor, envelopes: Sequence[Envelope], endpoint_id: UUID | None = None
) -> tuple[list[Asked], list[Envelope]]:
    """Return who is to get which event (`endpoint_id`: of this endpoint only), and events nobody knows the owner of."""
    by_id = {envelope.id: envelope for envelope in envelopes}
    facts = [
        {
            "event_id": str(envelope.id),
            "type": envelope.type,
            "dataset_id": envelope.data.get("dataset_id"),
            "institution_id": envelope.data.get("institution_id"),
        }
        for envelope in envelopes
    ]
    cursor.execute(_MATCHED, (json.dumps(facts), sorted(messages.PUBLIC), *([_text(endpoint_id)] * 2)))
    rows = [(UUID(str(event)), endpoint, placed) for event, endpoint, placed in cursor.fetchall()]
    asked = [_asked(by_id[event], UUID(str(endpoint))) for event, endpoint, _ in rows if endpoint is not None]
    return asked, [by_id[event] for event, _, placed in rows if not placed]


def deliver(cursor: Cursor, asked: Sequence[Asked], *, again: bool = False, priority: int = 0) -> int:
    """Enqueue messages; return how many. What was enqueued before is left alone, or, `again`, sent anew if it ended."""
    if not asked:
        return 0
    bodies = {item.event_id: item for item in asked}
    cursor.execute(_KEEP_MESSAGES, (_json([_message(item) for item in bodies.values()]),))
    deliveries = [
        {
            "delivery_id": delivery_id(item.endpoint_id, item.event_id),
            "endpoint_id": item.endpoint_id,
            "event_id": item.event_id,
            "type": item.type,
            "dataset_id": item.dataset_id,
            "correlation_id": item.correlation_id,
        }
        for item in asked
    ]
    cursor.execute(_DELIVER, (_json(deliveries), again, FAMILY, priority, MAX_ATTEMPTS))
    return len(cursor.fetchall())


def delivery_id(endpoint_id: UUID, event_id: UUID) -> UUID:
    """Return the id of an event's delivery to an endpoint."""
    return uuid5(endpoint_id, str(event_id))


def _placed_now(cursor: Cursor, envelopes: Sequence[Envelope]) -> list[Envelope]:
    datasets = sorted({str(name) for envelope in envelopes if (name := envelope.data.get("dataset_id"))})
    if not datasets:
        return []
    cursor.execute(_PLACED_NOW, (datasets,))
    records = [row[0] for row in cursor.fetchall()]
    return [Envelope.from_record(json.loads(row) if isinstance(row, str) else row) for row in records]


def _keep_unplaced(cursor: Cursor, envelopes: Sequence[Envelope]) -> None:
    kept = [
        {"event_id": envelope.id, "dataset_id": envelope.data["dataset_id"], "record": envelope.to_record()}
        for envelope in envelopes
        if envelope.data.get("dataset_id")
    ]
    if kept:
        cursor.execute(_KEEP_UNPLACED, (_json(kept),))


def _asked(envelope: Envelope, endpoint_id: UUID) -> Asked:
    dataset = envelope.data.get("dataset_id")
    return Asked(
        endpoint_id, envelope.id, envelope.type, UUID(dataset) if dataset else None, messages.body(envelope),
        envelope.time.isoformat(), envelope.correlation_id,
    )  # fmt: skip


def _message(item: Asked) -> dict[str, Any]:
    return {name: getattr(item, name) for name in ("event_id", "type", "dataset_id", "body", "occurred_at")}


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None
