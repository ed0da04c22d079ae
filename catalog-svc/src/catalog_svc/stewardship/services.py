"""What stewards do: describe datasets and columns, override schemas, relate, publish by hand, curate collections.

Callers have found the dataset visible, and its principal allowed to. Each call is one transaction with its entry in the
audit log, which names fields and ids and never what was said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import connection, transaction
from pydantic import JsonValue

from catalog_svc.audit import services as audit
from catalog_svc.datasets import services as datasets
from catalog_svc.datasets.models import Dataset
from catalog_svc.manifests import storage_here
from catalog_svc.projections import locks, policy, writing
from catalog_svc.settings import settings
from catalog_svc.stewardship.models import Attribution, Collection
from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.catalog import (
    CollectionCurated,
    CollectionDissolved,
    ColumnDescription,
    ColumnsDescribed,
    Relation,
    RelationsStated,
    SchemaOverridden,
    VersionPublished,
)
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem

_APART: Final = ("contact", "creators")
_CLEARABLE: Final = frozenset(
    {"licence", "update_frequency", "languages", "themes", "spatial", "temporal", "landing_page", "doi"}
)


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, when, and in which request."""

    by: UUID
    now: datetime
    correlation_id: UUID


@transaction.atomic
def describe(dataset: Dataset, changes: Mapping[str, Any], act: Act) -> None:
    """Change a description; None (or an empty list of codes) takes away what a dataset need not have.

    What may name persons is written to the catalog's own table, and the event says only that it changed.
    """
    kept = [name for name in changes if name not in _APART and (changes[name] or name not in _CLEARABLE)]
    event: dict[str, Any] = {name: changes[name] for name in kept if changes[name] is not None}
    if cleared := tuple(sorted(name for name in changes if name in _CLEARABLE and not changes[name])):
        event["cleared"] = cleared
    if apart := tuple(name for name in _APART if name in changes):
        event["kept_apart"] = apart
        said = {name: changes[name] or ([] if name == "creators" else None) for name in apart}
        Attribution.objects.update_or_create(dataset_id=dataset.dataset_id, defaults=said)
    if event:
        datasets.revise(dataset.dataset_id, event, now=act.now, correlation_id=act.correlation_id)
        fields: list[JsonValue] = [*sorted(changes)]
        _record(dataset, "dataset.revised", act, {"fields": fields})


@transaction.atomic
def describe_columns(dataset: Dataset, columns: Sequence[ColumnDescription], act: Act) -> None:
    """Say what columns mean; what is not named stays, an empty description takes one away."""
    event = ColumnsDescribed(dataset_id=dataset.dataset_id, columns=tuple(columns), described_at=act.now)
    _append(dataset.dataset_id, event, act)
    _record(dataset, "columns.described", act, {"columns": len(columns)})


@transaction.atomic
def override(dataset: Dataset, overrides: ObjectRef, act: Act) -> None:
    """Let overrides, stored as an object, hold for every later upload of a dataset."""
    event = SchemaOverridden(
        dataset_id=dataset.dataset_id, overrides=overrides, overridden_by=act.by, overridden_at=act.now
    )
    _append(dataset.dataset_id, event, act)
    _record(dataset, "schema.overridden", act, {"sha256": overrides.sha256})


@transaction.atomic
def relate(dataset: Dataset, relations: Sequence[Relation], act: Act) -> None:
    """Say all that a dataset has to do with others."""
    event = RelationsStated(dataset_id=dataset.dataset_id, relations=tuple(relations), stated_at=act.now)
    _append(dataset.dataset_id, event, act)
    _record(dataset, "relations.stated", act, {"relations": len(relations)})


@transaction.atomic
def publish(dataset: Dataset, upload_id: UUID, act: Act) -> UUID:
    """Publish what an upload became and is held; return the version. Raises a 409 problem where nothing is held."""
    context, storage = Context.begin(act.correlation_id), storage_here(settings())
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
        decision = policy.release(cursor, dataset.dataset_id, upload_id, context=context, now=act.now, storage=storage)
        if decision is None:
            raise Problem("not_held", "Nothing is held", 409, "the upload has no version that waits to be published")
        writing.append(cursor, decision.events, now=act.now, context=context)
        writing.refresh(cursor, {dataset.dataset_id}, ())
    (version_id,) = (event.version_id for event in decision.events if isinstance(event, VersionPublished))
    _record(dataset, "version.published_by_hand", act, {"version_id": str(version_id)})
    return version_id


def collection_id(institution_id: UUID, slug: str) -> UUID:
    """Return the id of an institution's collection."""
    return uuid5(institution_id, f"collection/{slug}")


@transaction.atomic
def curate(event: CollectionCurated, act: Act) -> None:
    """Make a collection, or change one: the event has all of it."""
    _append(None, event, act)
    _enter("collection", event.collection_id, event.institution, "collection.curated", act, {})


@transaction.atomic
def dissolve(collection: Collection, act: Act) -> None:
    """Take a collection away; its datasets stay."""
    event = CollectionDissolved(
        collection_id=collection.collection_id, institution_id=collection.institution_id, dissolved_at=act.now
    )
    _append(None, event, act)
    _enter("collection", event.collection_id, collection.institution_slug, "collection.dissolved", act, {})


def _append(dataset_id: UUID | None, event: Event, act: Act) -> None:
    with connection.cursor() as cursor:
        # a collection is about no single dataset: as with an institution, one change of any is at a time
        locks.lock(cursor, [dataset_id] if dataset_id else (), institutions=dataset_id is None)
        writing.append(cursor, [event], now=act.now, context=Context.begin(act.correlation_id))
        if dataset_id is not None:
            writing.refresh(cursor, {dataset_id}, ())


def _record(dataset: Dataset, action: str, act: Act, details: Mapping[str, JsonValue]) -> None:
    _enter("dataset", dataset.dataset_id, dataset.institution_slug, action, act, details)


def _enter(  # noqa: PLR0917 - the words of one entry
    subject: str, subject_id: UUID, institution: str, action: str, act: Act, details: Mapping[str, JsonValue]
) -> None:
    audit.record(
        by=act.by,
        action=action,
        subject=subject,
        subject_id=subject_id,
        institution=institution,
        now=act.now,
        correlation_id=act.correlation_id,
        details=details,
    )
