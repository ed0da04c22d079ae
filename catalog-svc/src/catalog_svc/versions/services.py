"""How a version goes and comes back: withdrawn, restored, erased. Each is one transaction: event, rows, audit entry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from catalog_svc.audit import services as audit
from catalog_svc.datasets.models import Dataset, Upload, Version
from catalog_svc.manifests import storage_here
from catalog_svc.projections import locks, writing
from catalog_svc.settings import settings
from catalog_svc.versions.tombstones import tombstone
from dataplatform.events.catalog import DatasetErased, DatasetEvent, VersionErased, VersionRestored, VersionWithdrawn
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem


@dataclass(frozen=True, slots=True)
class Order:
    """Who ordered a change, when, and the request it came with."""

    by: UUID
    now: datetime
    correlation_id: UUID


@transaction.atomic
def withdraw(dataset: Dataset, version_id: UUID, reason: str, detail: str, order: Order) -> None:
    """Serve a version no more; once withdrawn it stays so, with its first reason. Raises 410 for an erased one."""
    version = _locked(dataset, version_id)
    if version.withdrawn_at is not None:
        return
    event = VersionWithdrawn(
        dataset_id=dataset.dataset_id,
        version_id=version_id,
        reason_code=reason,
        detail=detail,
        withdrawn_at=order.now,
        withdrawn_by=order.by,
    )
    _append(dataset, event, version_id, {"reason": reason}, order)


@transaction.atomic
def restore(dataset: Dataset, version_id: UUID, order: Order) -> None:
    """Serve a withdrawn version again, under its number. Raises 410 for an erased one, 409 where its upload is gone."""
    version = _locked(dataset, version_id)
    if version.withdrawn_at is None:
        return
    if Upload.objects.filter(pk=version.upload_id, status="withdrawn").exists():
        raise Problem(
            "upload_withdrawn", "Upload withdrawn", 409, "its upload was taken back: send the file again instead"
        )
    event = VersionRestored(
        dataset_id=dataset.dataset_id, version_id=version_id, restored_at=order.now, restored_by=order.by
    )
    _append(dataset, event, version_id, {}, order)


@transaction.atomic
def erase(dataset: Dataset, version_id: UUID, reason: str, reference: str | None, order: Order) -> None:
    """Erase a version for ever: it is a tombstone at once, its objects follow. Again changes nothing.

    The original goes too, unless another version that is not erased was made of it.
    """
    version = _locked(dataset, version_id, erased_too=True)
    if version.erased_at is not None:
        return
    others = Version.objects.filter(upload_id=version.upload_id, erased_at__isnull=True).exclude(pk=version_id)
    event = VersionErased(
        dataset_id=dataset.dataset_id,
        version_id=version_id,
        upload_id=version.upload_id,
        original_erased=not others.exists(),
        reason_code=reason,
        reference=reference,
        erased_at=order.now,
        erased_by=order.by,
    )
    said = {"reason": reason, "original_erased": event.original_erased}
    _append(dataset, event, version_id, said, order)


@transaction.atomic
def erase_dataset(dataset: Dataset, reason: str, reference: str | None, order: Order) -> None:
    """Erase everything that has come in for a dataset up to now: every version and upload; the name stays."""
    event = DatasetErased(
        dataset_id=dataset.dataset_id,
        reason_code=reason,
        reference=reference,
        erased_at=order.now,
        erased_by=order.by,
    )
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
    _append(dataset, event, dataset.dataset_id, {"reason": reason}, order)


def _locked(dataset: Dataset, version_id: UUID, *, erased_too: bool = False) -> Version:
    """Take the dataset's lock and return the version as it is then."""
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
    version = Version.objects.get(pk=version_id)
    if version.erased_at is not None and not erased_too:
        raise tombstone(version)
    return version


def _append(dataset: Dataset, event: DatasetEvent, subject: UUID, details: dict[str, Any], order: Order) -> None:
    action = event.type.removesuffix(".v1")
    with connection.cursor() as cursor:
        context = Context.begin(order.correlation_id)
        envelopes = writing.append(cursor, [event], now=order.now, context=context)
        writing.react(cursor, envelopes, now=order.now, storage=storage_here(settings()))
    audit.record(
        by=order.by,
        action=action,
        subject=action.partition(".")[0],
        subject_id=subject,
        institution=dataset.institution_slug,
        now=order.now,
        correlation_id=order.correlation_id,
        details=details,
    )
