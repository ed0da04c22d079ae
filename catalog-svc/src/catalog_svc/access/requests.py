"""Requests for access: made by names, so that nobody learns what there is; decided by stewards of the institution."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from catalog_svc.access import grants
from catalog_svc.access.models import AccessRequest
from catalog_svc.access.scope import forbidden, visible_to
from catalog_svc.audit.acting import Act
from catalog_svc.datasets.models import Dataset
from dataplatform.events import identity
from dataplatform.events.catalog import GrantRole
from dataplatform.identity import Principal
from dataplatform.problems import Problem

MAX_OPEN: Final = 50
"""Most open requests of one account."""


def ask(principal: Principal, institution: str, dataset: str, message: str, act: Act) -> AccessRequest:
    """Return the open request of the account for what has these names, made now unless there was one.

    All is the same whether there is such a dataset or not. Raises 409 where it may be read already, and for `MAX_OPEN`.
    """
    named = identity.dataset_id(identity.institution_id(institution), dataset)
    if Dataset.objects.filter(visible_to(principal), pk=named).exists():
        raise Problem("already_accessible", "Already accessible", 409, "you may read this dataset already")
    mine = AccessRequest.objects.filter(account_id=principal.subject, state="open")
    if mine.exclude(dataset_id=named).count() >= MAX_OPEN:
        raise Problem("too_many_open_requests", "Too many open requests", 409, f"at most {MAX_OPEN} are open at a time")
    try:
        with transaction.atomic():
            made = AccessRequest.objects.create(
                request_id=uuid4(),
                account_id=principal.subject,
                institution_slug=institution,
                dataset_slug=dataset,
                dataset_id=named,
                message=message,
                state="open",
                requested_at=act.now,
            )
            act.record("access.requested", "access_request", made.pk, None)
    except IntegrityError:
        return mine.get(dataset_id=named)
    return made


def to_decide(institution: str) -> QuerySet[AccessRequest]:
    """Return the requests for datasets that the institution has."""
    there = Dataset.objects.filter(institution_slug=institution).values("dataset_id")
    return AccessRequest.objects.filter(institution_slug=institution, dataset_id__in=there).select_related("account")


def of_account(account_id: UUID) -> QuerySet[AccessRequest]:
    """Return the requests that an account made."""
    return AccessRequest.objects.filter(account_id=account_id).select_related("account")


def request(principal: Principal, request_id: UUID, *, steward: bool) -> AccessRequest:
    """Return a request: as `steward` of the institution who decides it, else as who made it too; raises 404, 403."""
    found = AccessRequest.objects.select_related("account").filter(pk=request_id).first()
    if found is None:
        raise _not_found()
    own = found.account_id == principal.subject
    decides = principal.may("steward", found.institution_slug) and dataset_of(found) is not None
    if decides and not (own and steward):
        return found
    if not own:
        raise _not_found()
    if steward:
        raise forbidden("nobody decides their own request", found.institution_slug)
    return found


def accept(found: AccessRequest, role: GrantRole, expires_at: datetime | None, act: Act) -> AccessRequest:
    """Grant what was asked for, with its decision in one transaction; raises 409 for what is decided already."""
    dataset = dataset_of(found)
    if dataset is None:
        raise _not_found()
    with transaction.atomic():
        _decide(found, "accepted", "", act)
        grants.grant(dataset, role=role, expires_at=expires_at, act=act, account_id=found.account_id)
    return found


@transaction.atomic
def decline(found: AccessRequest, reason: str, act: Act) -> AccessRequest:
    """Say no, and why; raises 409 for what is decided already."""
    return _decide(found, "declined", reason, act)


@transaction.atomic
def cancel_own(principal: Principal, found: AccessRequest, act: Act) -> None:
    """Take back one's own request; raises 403 for another's, 409 for what is decided already."""
    if found.account_id != principal.subject:
        raise forbidden("only who made a request takes it back", found.institution_slug)
    _decide(found, "cancelled", "", act)


def dataset_of(found: AccessRequest) -> Dataset | None:
    """Return the dataset that is asked for, if there is one."""
    return Dataset.objects.filter(pk=found.dataset_id).first()


def _decide(found: AccessRequest, state: str, reason: str, act: Act) -> AccessRequest:
    changed: Sequence[str] = ("state", "decided_at", "decided_by", "reason")
    held = AccessRequest.objects.select_for_update().get(pk=found.pk)
    if held.state != "open":
        raise Problem("request_decided", "Request decided", 409, f"the request was {held.state}")
    found.state, found.decided_at, found.decided_by, found.reason = state, act.now, act.by, reason
    found.save(update_fields=changed)
    institution = found.institution_slug if state != "cancelled" else None
    act.record(
        f"access_request.{state}", "access_request", found.pk, institution, {"account_id": str(found.account_id)}
    )
    return found


def _not_found() -> Problem:
    return Problem("not_found", "Not found", 404, "there is no such request")
