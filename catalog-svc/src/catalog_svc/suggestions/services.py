"""What stewards do about suggestions; each in one transaction with its entry in the audit log."""

from uuid import UUID

from django.db import connection, transaction

from catalog_svc.audit.services import record
from catalog_svc.datasets import services as datasets
from catalog_svc.datasets.models import Dataset
from catalog_svc.projections import locks
from catalog_svc.stewardship.services import Act
from catalog_svc.suggestions.models import Decision
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem


@transaction.atomic
def accept(dataset: Dataset, suggestion_id: UUID, contract: ObjectRef, act: Act) -> None:
    """Let the contract made from the one that `dataset` had hold from the next version on.

    Raises a 409 problem where the dataset's contract is another by now: it would be lost.
    """
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
    before = Dataset.objects.values_list("contract", flat=True).get(pk=dataset.pk)
    if before != dataset.contract:
        raise Problem("contract_changed", "Contract changed", 409, "somebody changed the contract meanwhile: try again")
    if contract.model_dump(mode="json") != before:
        datasets.define_contract(
            dataset.dataset_id, contract, by=act.by, now=act.now, correlation_id=act.correlation_id
        )
    _decide(dataset, suggestion_id, "accepted", act)


@transaction.atomic
def refuse(dataset: Dataset, suggestion_id: UUID, act: Act) -> None:
    """Remember that it is not wanted. Raises a 409 problem where it was accepted: it is in the contract."""
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset.dataset_id])
    if Decision.objects.filter(pk=suggestion_id, state="accepted").exists():
        raise Problem(
            "suggestion_accepted",
            "Suggestion accepted",
            409,
            "the contract has it: take the clause out of the contract",
        )
    _decide(dataset, suggestion_id, "refused", act)


def _decide(dataset: Dataset, suggestion_id: UUID, state: str, act: Act) -> None:
    made = {"dataset_id": dataset.dataset_id, "state": state, "decided_by": act.by, "decided_at": act.now}
    Decision.objects.update_or_create(pk=suggestion_id, defaults=made)
    record(
        by=act.by,
        action=f"suggestion.{state}",
        subject="dataset",
        subject_id=dataset.dataset_id,
        institution=dataset.institution_slug,
        now=act.now,
        correlation_id=act.correlation_id,
        details={"suggestion_id": str(suggestion_id)},
    )
