"""Writes events to the table `event_index`, in the transaction that applies them. Knows no Django, so it is quick."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope

_KEPT: Final = """
INSERT INTO event_index (event_id, key, type, source, version, time, correlation_id, causation_id, traceparent, data)
SELECT event_id, key, type, source, version, time, correlation_id, causation_id, traceparent, data::jsonb
FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::uuid[],
                     %b::uuid[], %b::text[], %b::text[])
    AS e (event_id, key, type, source, version, time, correlation_id, causation_id, traceparent, data)
ON CONFLICT (event_id) DO NOTHING
"""


def keep(cursor: Cursor, envelopes: Sequence[Envelope], bodies: Sequence[str]) -> None:
    """Keep events that are being applied; `bodies` are their data as JSON texts, which the caller has at hand."""
    cursor.execute(
        _KEPT,
        (
            [envelope.id for envelope in envelopes],
            [UUID(envelope.data.get("dataset_id") or envelope.data["institution_id"]) for envelope in envelopes],
            [envelope.type for envelope in envelopes],
            [envelope.source for envelope in envelopes],
            [envelope.version for envelope in envelopes],
            [envelope.time for envelope in envelopes],
            [envelope.correlation_id for envelope in envelopes],
            [envelope.causation_id for envelope in envelopes],
            [envelope.traceparent for envelope in envelopes],
            list(bodies),
        ),
    )
