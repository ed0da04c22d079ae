"""What people do to datasets: describe them, define their contracts, say that they have seen an alert."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from catalog_svc.audit.acting import Act
from catalog_svc.datasets.models import Dataset
from catalog_svc.manifests import storage_here
from catalog_svc.projections import locks, writing
from catalog_svc.settings import settings
from dataplatform.events.base import ObjectRef
from dataplatform.events.catalog import AcknowledgementRequested, ContractDefined, DatasetRevised
from dataplatform.log.envelope import Context


@transaction.atomic
def revise(dataset_id: UUID, changes: Mapping[str, Any], *, now: datetime, correlation_id: UUID) -> None:
    """Change the description of a dataset; `changes` has fields of `dataset.revised.v1`, absent ones stay.

    The caller has found the dataset visible, and its principal allowed to.
    """
    event = DatasetRevised(dataset_id=dataset_id, revised_at=now, **changes)
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset_id])
        writing.append(cursor, [event], now=now, context=Context.begin(correlation_id))
        if "publication" in changes:
            # what was held may be published now
            writing.follow(cursor, {dataset_id}, now=now, storage=storage_here(settings()))
        else:
            writing.refresh(cursor, {dataset_id}, ())


@transaction.atomic
def define_contract(dataset_id: UUID, contract: ObjectRef, *, by: UUID, now: datetime, correlation_id: UUID) -> None:
    """Let a contract, stored as an object, hold for a dataset from its next version on.

    The caller has found the dataset visible, its principal allowed to, and the contract valid.
    """
    event = ContractDefined(dataset_id=dataset_id, contract=contract, defined_by=by, defined_at=now)
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset_id])
        writing.append(cursor, [event], now=now, context=Context.begin(correlation_id))
    said = {"sha256": contract.sha256}
    _record("contract.defined", dataset_id, said, by=by, now=now, correlation_id=correlation_id)


@transaction.atomic
def acknowledge(dataset_id: UUID, alert_id: UUID, *, by: UUID, now: datetime, correlation_id: UUID) -> None:
    """Ask quality-svc, whose alert it is, to record that `by` has seen it; it shows once that came back.

    The caller has found the alert visible and open, and its principal allowed to.
    """
    event = AcknowledgementRequested(dataset_id=dataset_id, alert_id=alert_id, requested_by=by, requested_at=now)
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset_id])
        writing.append(cursor, [event], now=now, context=Context.begin(correlation_id))
    said = {"alert_id": str(alert_id)}
    _record("alert.acknowledged", dataset_id, said, by=by, now=now, correlation_id=correlation_id)


def _record(
    action: str, dataset_id: UUID, said: Mapping[str, str], *, by: UUID, now: datetime, correlation_id: UUID
) -> None:
    institution = Dataset.objects.values_list("institution_slug", flat=True).get(pk=dataset_id)
    act = Act(by, now, correlation_id)
    act.record(action, "dataset", dataset_id, institution, said)
