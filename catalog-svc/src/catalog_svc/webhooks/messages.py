"""What a webhook says: which event types there are to subscribe to, and an event as CloudEvents JSON."""

import json
from typing import Final

from catalog_svc.projections.apply import TOPICS
from dataplatform.events.catalog import (
    DatasetRegistered,
    DatasetRevised,
    VersionPublished,
    VersionWithdrawn,
)
from dataplatform.events.registry import EVENT_TYPES
from dataplatform.log.envelope import CONTENT_TYPE, SEQUENCE_WIDTH, SPEC_VERSION, Envelope

BODY_TYPE: Final = "application/cloudevents+json; charset=utf-8"
PING: Final = "webhook.pinged.v1"
"""Of test messages; no event of the log has it."""

SUBSCRIBABLE: Final = {name: event for name, event in EVENT_TYPES.items() if event.topic in TOPICS}
"""Event class by type: those that the catalog reads."""

PUBLIC: Final = frozenset({DatasetRegistered.type, DatasetRevised.type, VersionPublished.type, VersionWithdrawn.type})
"""What others may hear of a public dataset; uploads, runs, findings and access stay its institution's own business."""


def body(envelope: Envelope) -> str:
    """Return an event in the structured mode of CloudEvents 1.0.

    `timestamp` repeats `time` under the name that Standard Webhooks recommends. The trace is left out: it is ours.
    """
    found = {
        "specversion": SPEC_VERSION,
        "id": str(envelope.id),
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.stream,
        "time": envelope.time.isoformat(),
        "timestamp": envelope.time.isoformat(),
        "datacontenttype": CONTENT_TYPE,
        "sequence": f"{envelope.version:0{SEQUENCE_WIDTH}d}",
        "correlationid": str(envelope.correlation_id),
        **({"causationid": str(envelope.causation_id)} if envelope.causation_id else {}),
        "data": envelope.data,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
