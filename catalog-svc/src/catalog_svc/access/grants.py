"""What is done to grants: given for a time or for good, and revoked. They are events of the dataset's stream."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from catalog_svc.access.models import Grant
from catalog_svc.audit.acting import Act
from catalog_svc.datasets.models import Dataset
from catalog_svc.projections import locks, writing
from dataplatform.events.catalog import (
    AccessGranted,
    AccessRevoked,
    DatasetEvent,
    GrantRole,
    GroupAccessGranted,
    GroupAccessRevoked,
)
from dataplatform.problems import Problem

MAX_GRANTS = 10_000
"""Most grants of one dataset: more people than that are a group."""


def of_dataset(dataset: Dataset) -> QuerySet[Grant]:
    """Return the grants of a dataset, expired ones too."""
    return Grant.objects.filter(dataset_id=dataset.dataset_id)


def one(dataset: Dataset, grant_id: UUID) -> Grant:
    """Return one grant of a dataset; raises a 404 problem."""
    found = of_dataset(dataset).filter(pk=grant_id).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such grant")
    return found


@transaction.atomic
def grant(
    dataset: Dataset,
    *,
    role: GrantRole,
    expires_at: datetime | None,
    act: Act,
    account_id: UUID | None = None,
    group_id: UUID | None = None,
) -> Grant:
    """Give an account, or a group, a role for the dataset; what it had before is replaced.

    Raises 422 for an expiry that has passed, 409 where the dataset has `MAX_GRANTS`.
    """
    if expires_at is not None and expires_at <= act.now:
        raise Problem("expiry_passed", "Expiry has passed", 422, "a grant expires later than now")
    base = {"dataset_id": dataset.dataset_id, "role": role, "granted_at": act.now, "granted_by": act.by}
    event: DatasetEvent
    if account_id is not None:
        event = AccessGranted(**base, account_id=account_id, expires_at=expires_at)
    else:
        event = GroupAccessGranted(**base, group_id=group_id, expires_at=expires_at)
    _append(dataset, event, act)
    if of_dataset(dataset).count() > MAX_GRANTS:
        raise Problem("too_many_grants", "Too many grants", 409, f"a dataset has at most {MAX_GRANTS:,}: make a group")
    made = of_dataset(dataset).get(account_id=account_id, group_id=group_id)
    until = {"expires_at": expires_at.isoformat()} if expires_at else {}
    act.record("access.granted", "dataset", dataset.dataset_id, dataset.institution_slug, _said(made) | until)
    return made


@transaction.atomic
def revoke(dataset: Dataset, found: Grant, act: Act) -> None:
    """Take a grant back, at once."""
    base = {"dataset_id": dataset.dataset_id, "revoked_at": act.now, "revoked_by": act.by}
    event: DatasetEvent = (
        AccessRevoked(**base, account_id=found.account_id)
        if found.account_id is not None
        else GroupAccessRevoked(**base, group_id=found.group_id)
    )
    _append(dataset, event, act)
    act.record("access.revoked", "dataset", dataset.dataset_id, dataset.institution_slug, _said(found))


def _append(dataset: Dataset, event: DatasetEvent, act: Act) -> None:
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
        writing.append(cursor, [event], now=act.now, context=act.context)


def _said(found: Grant) -> dict[str, str]:
    holder = {"account_id": found.account_id, "group_id": found.group_id}
    return {"role": found.role, **{name: str(value) for name, value in holder.items() if value is not None}}
