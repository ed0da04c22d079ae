"""Applies events to the projection tables: set by set, one statement for all events of a type in a wave.

Pure in the sense that matters: the rows depend on the events alone. Nothing here emits an event or reads a clock.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from pydantic_core import to_json

from catalog_svc.projections import catalog_datasets, ingest_uploads, processing_runs, quality_assessments
from catalog_svc.versions.eventlog import indexing
from dataplatform.events.catalog import DATASETS, InstitutionEvent
from dataplatform.events.ingest import UPLOADS
from dataplatform.events.processing import RUNS
from dataplatform.events.quality import ASSESSMENTS
from dataplatform.events.registry import event_class
from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope

CONSUMER: Final = "catalog"
"""Name of the inbox, and of the Kafka consumer group."""

TOPICS: Final = (UPLOADS, RUNS, ASSESSMENTS, DATASETS)
"""What the catalog is made from."""

STATEMENTS: Final = {
    **ingest_uploads.STATEMENTS,
    **processing_runs.STATEMENTS,
    **quality_assessments.STATEMENTS,
    **catalog_datasets.STATEMENTS,
}
IGNORED: Final = ingest_uploads.IGNORED | quality_assessments.IGNORED | catalog_datasets.IGNORED


def validate(envelopes: Iterable[Envelope]) -> None:
    """Raise `pydantic.ValidationError` or `UnknownEventTypeError` where an event is not what its type says."""
    for envelope in envelopes:
        event_class(envelope.type).from_data(envelope.data)


def apply_waves(cursor: Cursor, waves: Sequence[Sequence[Envelope]]) -> None:
    """Apply admitted events, wave by wave.

    The events of a wave are all of different streams, so that their order among each other means nothing. Raises the
    errors of `validate`, and the driver's for what PostgreSQL refuses.
    """
    applied, bodies = [envelope for wave in waves for envelope in wave], list[str]()
    for wave in waves:
        bodies += _apply_wave(cursor, wave)
    if applied:
        indexing.keep(cursor, applied, bodies)


def _apply_wave(cursor: Cursor, wave: Sequence[Envelope]) -> list[str]:
    validate(wave)
    bodies = [to_json(envelope.data).decode() for envelope in wave]
    by_type: dict[str, list[str]] = defaultdict(list)
    for envelope, body in zip(wave, bodies, strict=True):
        by_type[envelope.type].append(body)
    for event_type, group in by_type.items():
        for statement in STATEMENTS.get(event_type, ()):
            cursor.execute(statement, (f"[{','.join(group)}]",))
    return bodies


def datasets_of(envelopes: Iterable[Envelope]) -> set[UUID]:
    """Return the datasets that events are about."""
    found = (envelope.data.get("dataset_id") for envelope in envelopes)
    return {UUID(name) for name in found if name is not None}


def institutions_of(envelopes: Iterable[Envelope]) -> set[UUID]:
    """Return the institutions that events are about, where they are about no single dataset."""
    return {
        UUID(envelope.data["institution_id"])
        for envelope in envelopes
        if issubclass(event_class(envelope.type), InstitutionEvent)
    }
