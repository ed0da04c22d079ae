"""What follows from events: a dataset is registered, a version is published, held, withdrawn or erased.

Looks at the state, not at the event that came: whatever was missed (a crash, a lag) is made good the next time the
dataset is touched. Runs in the transaction that projects the events, under the dataset's lock; never in a rebuild.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from catalog_svc.datasets.views_sql import HELD, HELD_REASON
from dataplatform.events.base import Column, Event, ObjectRef
from dataplatform.events.catalog import (
    DatasetRegistered,
    PublishedTable,
    VersionErased,
    VersionHeld,
    VersionPublished,
    VersionWithdrawn,
)
from dataplatform.events.identity import NAMESPACE
from dataplatform.log.cursor import Cursor
from dataplatform.log.dispatch import consumer_span
from dataplatform.log.envelope import Context, Envelope
from dataplatform.log.store import decode_json

INLINE_COLUMNS: Final = 10_000
"""Most columns, of all tables together, that an event names itself; above that they are in the manifest."""
INLINE_TABLES: Final = 1_000
"""Most tables that an event names itself."""

ERASED_UPLOAD: Final = """EXISTS (
    SELECT 1 FROM erasures x
    WHERE x.dataset_id = u.dataset_id AND CASE WHEN x.version_id IS NULL THEN x.erased_at >= u.received_at
                                               ELSE x.upload_id = u.upload_id AND x.original_erased END)"""
"""Whether the original of the upload `u` was erased: nothing made of it may be served, whenever it ends."""

_OVERTAKEN: Final = f"""
SELECT r.dataset_id, r.run_id, u.upload_id, why.reason_code, nullif(why.reference, '') AS reference
FROM (SELECT r.* FROM runs r WHERE r.dataset_id = ANY (%s)) AS r JOIN uploads u ON u.upload_id = r.upload_id
CROSS JOIN LATERAL (
    SELECT x.reason_code, x.reference FROM erasures x
    WHERE x.dataset_id = r.dataset_id AND (x.version_id IS NULL OR x.upload_id = u.upload_id)
    ORDER BY x.erased_at, x.erasure_id LIMIT 1
) AS why
WHERE r.status = 'completed' AND {ERASED_UPLOAD} AND NOT EXISTS (SELECT 1 FROM erasures y WHERE y.erasure_id = r.run_id)
ORDER BY r.dataset_id, r.run_id
"""

_UNREGISTERED: Final = """
SELECT DISTINCT ON (u.dataset_id) u.dataset_id, u.institution_id, u.institution_slug, u.dataset_slug, u.upload_id
FROM uploads u
WHERE u.dataset_id = ANY (%s) AND u.status <> 'rejected'
  AND NOT EXISTS (SELECT 1 FROM datasets d WHERE d.dataset_id = u.dataset_id)
ORDER BY u.dataset_id, u.received_at, u.upload_id
"""

_READY: Final = f"""
SELECT u.dataset_id, u.institution_id, u.institution_slug, u.dataset_slug, u.upload_id, u.format, u.original,
       r.run_id, r.handler, r.handler_version, r.unextracted, a.assessment_id, a.overall, a.measures, a.suitability,
       d.licence, {HELD_REASON} AS held_reason,
       NOT EXISTS (SELECT 1 FROM versions o JOIN uploads l ON l.upload_id = o.upload_id
                   WHERE o.dataset_id = u.dataset_id AND l.received_at > u.received_at) AS latest
FROM runs r
JOIN uploads u ON u.upload_id = r.upload_id AND u.status = 'received'
JOIN assessments a ON a.run_id = r.run_id AND a.status = 'completed'
JOIN datasets d ON d.dataset_id = u.dataset_id
WHERE r.dataset_id = ANY (%s) AND r.status = 'completed'
  AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.version_id = r.run_id) AND NOT {ERASED_UPLOAD}
"""
_UNPUBLISHED: Final = f"{_READY} AND NOT ({HELD}) ORDER BY u.dataset_id, u.received_at, r.run_id"
_HELD: Final = f"{_READY} AND ({HELD}) AND u.upload_id = %s ORDER BY r.ended_at DESC, r.run_id LIMIT 1"

_UNTOLD: Final = f"""({HELD}) AND NOT EXISTS (
    SELECT 1 FROM version_holds h WHERE h.version_id = r.run_id AND h.reason_code = {HELD_REASON})"""
"""Whether the version that run `r` would be is held, and nobody was told, or for another reason."""
_HELD_UNTOLD: Final = f"{_READY} AND {_UNTOLD} ORDER BY u.dataset_id, u.received_at, r.run_id"

_TABLES: Final = """
SELECT run_id, table_id, index, name, origin, parts, row_count, column_count, columns, schema_object
FROM tables WHERE run_id = ANY (%s) ORDER BY run_id, index, table_id
"""

_NUMBERS: Final = (
    "SELECT dataset_id, max(number) AS number FROM versions WHERE dataset_id = ANY (%s) GROUP BY dataset_id"
)

_UNWITHDRAWN: Final = """
SELECT v.dataset_id, v.version_id, u.upload_id, u.reason_code
FROM versions v JOIN uploads u ON u.upload_id = v.upload_id
WHERE v.dataset_id = ANY (%s) AND u.status = 'withdrawn' AND v.withdrawn_at IS NULL
ORDER BY v.dataset_id, v.number
"""


_PENDING: Final = f"""
SELECT u.dataset_id FROM uploads u
WHERE u.status <> 'rejected' AND NOT EXISTS (SELECT 1 FROM datasets d WHERE d.dataset_id = u.dataset_id)
UNION
SELECT u.dataset_id FROM runs r
JOIN uploads u ON u.upload_id = r.upload_id AND u.status = 'received'
JOIN assessments a ON a.run_id = r.run_id AND a.status = 'completed'
JOIN datasets d ON d.dataset_id = u.dataset_id
WHERE r.status = 'completed' AND (NOT ({HELD}) OR {_UNTOLD}) AND NOT {ERASED_UPLOAD}
  AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.version_id = r.run_id)
UNION
SELECT r.dataset_id FROM runs r JOIN uploads u ON u.upload_id = r.upload_id
WHERE r.status = 'completed' AND {ERASED_UPLOAD} AND NOT EXISTS (SELECT 1 FROM erasures y WHERE y.erasure_id = r.run_id)
UNION
SELECT v.dataset_id FROM versions v JOIN uploads u ON u.upload_id = v.upload_id
WHERE u.status = 'withdrawn' AND v.withdrawn_at IS NULL
ORDER BY 1
"""


@dataclass(frozen=True)
class Storage:
    """What publishing needs of the object store: the address of an object, and a place for a manifest."""

    uri: Callable[[str], str]
    put: Callable[[str, bytes], ObjectRef]


@dataclass(frozen=True)
class Decision:
    """Events to append to one stream, and what caused them."""

    events: tuple[Event, ...]
    context: Context


class Causes:
    """Which of the received events caused a decision, by the ids they carry."""

    def __init__(self, consumer: str, envelopes: Iterable[Envelope]) -> None:
        self._consumer = consumer
        self._by_id: dict[str, Envelope] = {}
        for envelope in envelopes:
            for field in ("run_id", "upload_id", "dataset_id"):
                if field in envelope.data:
                    self._by_id[str(envelope.data[field])] = envelope

    def context(self, *ids: UUID) -> Context:
        """Return the context of what follows from the last event that names the first of `ids` which one names."""
        for name in map(str, ids):
            if name in self._by_id:
                cause = self._by_id[name]
                with consumer_span(self._consumer, cause):
                    return Context.caused_by(cause)
        return Context.begin(uuid5(NAMESPACE, f"catalog:{ids[0]}"))


def register(cursor: Cursor, datasets: Collection[UUID], causes: Causes, now: datetime) -> list[Decision]:
    """Decide which datasets their first upload brings into being."""
    return [
        Decision(
            (
                DatasetRegistered(
                    dataset_id=row["dataset_id"],
                    institution_id=row["institution_id"],
                    institution=row["institution_slug"],
                    slug=row["dataset_slug"],
                    title=title_of(row["dataset_slug"]),
                    registered_at=now,
                ),
            ),
            causes.context(row["upload_id"], row["dataset_id"]),
        )
        for row in _select(cursor, _UNREGISTERED, datasets)
    ]


def publish(
    cursor: Cursor, datasets: Collection[UUID], causes: Causes, now: datetime, storage: Storage
) -> list[Decision]:
    """Decide which versions to publish: standardized and assessed, of an upload that was not withdrawn, and not held.

    A version is held where a critical rule failed and the dataset's owner asked for that: the old one goes on serving.
    """
    return _published_all(cursor, _select(cursor, _UNPUBLISHED, datasets), causes.context, now, storage)


def hold(cursor: Cursor, datasets: Collection[UUID], causes: Causes, now: datetime) -> list[Decision]:
    """Decide of which versions to say that they wait for a steward: once, and again where the reason is another."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in _select(cursor, _HELD_UNTOLD, datasets):
        found[row["dataset_id"]].append(row)
    return [
        Decision(
            tuple(
                VersionHeld(
                    dataset_id=dataset,
                    version_id=row["run_id"],
                    upload_id=row["upload_id"],
                    reason_code=row["held_reason"],
                    held_at=now,
                )
                for row in rows
            ),
            causes.context(rows[-1]["run_id"], rows[-1]["upload_id"], dataset),
        )
        for dataset, rows in found.items()
    ]


def release(
    cursor: Cursor, dataset: UUID, upload: UUID, *, context: Context, now: datetime, storage: Storage
) -> Decision | None:
    """Decide to publish what an upload became last and is held, since a steward says so; None where nothing is."""
    cursor.execute(_HELD, ([dataset], upload))
    found = _published_all(cursor, _rows(cursor), lambda *_ids: context, now, storage)
    return found[0] if found else None


def _published_all(
    cursor: Cursor,
    ready: Sequence[Mapping[str, Any]],
    context_of: Callable[..., Context],
    now: datetime,
    storage: Storage,
) -> list[Decision]:
    if not ready:
        return []
    tables: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for table in _select(cursor, _TABLES, [row["run_id"] for row in ready]):
        tables[table["run_id"]].append(table)
    numbers = {
        row["dataset_id"]: row["number"] for row in _select(cursor, _NUMBERS, {row["dataset_id"] for row in ready})
    }
    decisions: dict[UUID, Decision] = {}
    for row in ready:
        dataset = row["dataset_id"]
        numbers[dataset] = numbers.get(dataset, 0) + 1
        event = _published(row, tables[row["run_id"]], numbers[dataset], now, storage)
        before = decisions.get(dataset)
        context = before.context if before else context_of(row["run_id"], row["upload_id"], dataset)
        decisions[dataset] = Decision((*(before.events if before else ()), event), context)
    return list(decisions.values())


def withdraw(cursor: Cursor, datasets: Collection[UUID], causes: Causes, now: datetime) -> list[Decision]:
    """Decide which published versions go because their upload was taken back."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in _select(cursor, _UNWITHDRAWN, datasets):
        found[row["dataset_id"]].append(row)
    return [
        Decision(
            tuple(
                VersionWithdrawn(
                    dataset_id=dataset,
                    version_id=row["version_id"],
                    reason_code=row["reason_code"],
                    detail="the upload was withdrawn",
                    withdrawn_at=now,
                )
                for row in rows
            ),
            causes.context(rows[-1]["upload_id"], dataset),
        )
        for dataset, rows in found.items()
    ]


def erase(cursor: Cursor, datasets: Collection[UUID], causes: Causes, now: datetime) -> list[Decision]:
    """Decide which runs go because all that had come of their upload was erased: ended since, or never published."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in _select(cursor, _OVERTAKEN, datasets):
        found[row["dataset_id"]].append(row)
    return [
        Decision(
            tuple(
                VersionErased(
                    dataset_id=dataset,
                    version_id=row["run_id"],
                    upload_id=row["upload_id"],
                    original_erased=True,
                    reason_code=row["reason_code"],
                    reference=row["reference"],
                    erased_at=now,
                )
                for row in rows
            ),
            causes.context(rows[-1]["run_id"], rows[-1]["upload_id"], dataset),
        )
        for dataset, rows in found.items()
    ]


def pending(cursor: Cursor) -> list[UUID]:
    """Return the datasets that one of the policies above has something to do for."""
    cursor.execute(_PENDING)
    return [row[0] for row in cursor.fetchall()]


def title_of(slug: str) -> str:
    """Return a first title for people: `air-quality-2024` becomes `Air quality 2024`."""
    words = " ".join(slug.replace("-", " ").split())
    return words[:1].upper() + words[1:]


def _select(cursor: Cursor, sql: str, ids: Collection[UUID]) -> list[dict[str, Any]]:
    cursor.execute(sql, (sorted(ids),))
    return _rows(cursor)


def _rows(cursor: Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _published(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], number: int, now: datetime, storage: Storage
) -> VersionPublished:
    tables = tuple(_table(table, storage) for table in rows)
    manifest = None
    if sum(len(table.columns) for table in tables) > INLINE_COLUMNS or len(tables) > INLINE_TABLES:
        body = json.dumps([table.model_dump(mode="json", exclude_none=True) for table in tables]).encode()
        manifest = storage.put(f"manifests/{row['dataset_id']}/{row['run_id']}/tables.json", body)
    return VersionPublished(
        dataset_id=row["dataset_id"],
        institution_id=row["institution_id"],
        institution=row["institution_slug"],
        dataset=row["dataset_slug"],
        version_id=row["run_id"],
        number=number,
        upload_id=row["upload_id"],
        run_id=row["run_id"],
        assessment_id=row["assessment_id"],
        original=decode_json(row["original"]),
        format=row["format"],
        handler=row["handler"],
        handler_version=row["handler_version"],
        tables=() if manifest else tables,
        table_count=len(tables),
        manifest=manifest,
        unextracted=decode_json(row["unextracted"]),
        quality=row["overall"],
        measures=decode_json(row["measures"]),
        suitability=decode_json(row["suitability"]),
        licence=row["licence"],
        latest=row["latest"],
        published_at=now,
    )


def _table(row: Mapping[str, Any], storage: Storage) -> PublishedTable:
    parts = tuple(ObjectRef.model_validate(part) for part in decode_json(row["parts"]))
    schema_object = decode_json(row["schema_object"])
    return PublishedTable(
        table_id=row["table_id"],
        index=row["index"],
        name=row["name"],
        origin=decode_json(row["origin"]),
        uris=tuple(storage.uri(part.key) for part in parts),
        parts=parts,
        row_count=row["row_count"],
        column_count=row["column_count"],
        columns=tuple(Column.model_validate(column) for column in decode_json(row["columns"])),
        schema_object=ObjectRef.model_validate(schema_object) if schema_object else None,
    )
