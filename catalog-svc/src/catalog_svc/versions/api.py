"""REST: how a version goes and comes back - withdraw, restore, erase - and how far erasures are."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.correlation import correlation_id_of
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset, Version
from catalog_svc.datasets.schemas import VersionOut, version_out
from catalog_svc.listing import Listing, boolean, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.versions import services
from catalog_svc.versions.models import Erasure
from catalog_svc.versions.schemas import DatasetErasureIn, ErasureIn, ErasureOut, WithdrawalIn
from catalog_svc.versions.services import Order
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router = Router(tags=["versions"])

ERASURES: Final = Listing(
    "erasures",
    ErasureOut,
    (
        moment("erased_at"),
        unique("erasure_id"),
        unique("version_id", optional=True),
        boolean("original_erased"),
        code("reason_code"),
        text("reference"),
        moment("completed_at", optional=True),
        integer("object_count", optional=True),
    ),
    order=["-erased_at"],
    key="erasure_id",
)


@router.post("/versions/{uuid:version_id}/withdraw", response=VersionOut, summary="Withdraw a version")
def withdraw_version(request: HttpRequest, version_id: UUID, body: WithdrawalIn) -> object:
    """Serve a version no more; it can be restored. For stewards. Twice is once, with the first reason.

    Problems: `forbidden`, `not_found`, `version_erased`.
    """
    principal, dataset = _found(request, version_id, "steward")
    services.withdraw(dataset, version_id, body.reason, body.detail, _order(request, principal))
    return _shown(principal, version_id)


@router.post("/versions/{uuid:version_id}/restore", response=VersionOut, summary="Restore a withdrawn version")
def restore_version(request: HttpRequest, version_id: UUID) -> object:
    """Serve a withdrawn version again, under the number it always had. For stewards. Twice is once.

    Problems: `forbidden`, `not_found`, `upload_withdrawn` (its upload was taken back), `version_erased`.
    """
    principal, dataset = _found(request, version_id, "steward")
    services.restore(dataset, version_id, _order(request, principal))
    return _shown(principal, version_id)


@router.post("/versions/{uuid:version_id}/erase", response={202: ErasureOut}, summary="Erase a version for ever")
def erase_version(request: HttpRequest, version_id: UUID, body: ErasureIn) -> object:
    """Delete all that is stored of a version; for administrators of the institution and of the platform.

    From this answer on every read of it is 410 `version_erased`; the objects follow, as `completed_at` tells. The
    original goes too, unless another version was made of it that is not erased. Twice is once.
    Problems: `forbidden`, `not_found`.
    """
    principal, dataset = _found(request, version_id, "administrator")
    services.erase(dataset, version_id, body.reason, body.reference, _order(request, principal))
    return Status(202, Erasure.objects.get(pk=version_id))


@router.post("/datasets/{uuid:dataset_id}/erase", response={202: ErasureOut}, summary="Erase all that a dataset holds")
def erase_dataset(request: HttpRequest, dataset_id: UUID, body: DatasetErasureIn) -> object:
    """Delete everything that has come in for a dataset: every version, every upload. Its name and description stay.

    For administrators of the institution and of the platform. Problems: `forbidden`, `not_found`, `not_confirmed`.
    """
    principal = principals.required(request)
    dataset = selectors.dataset(principal, dataset_id)
    require(principal, "administrator", dataset)
    if body.confirm != f"{dataset.institution_slug}/{dataset.slug}":
        raise Problem("not_confirmed", "Not confirmed", 422, "`confirm` is the dataset's name, `institution/dataset`")
    services.erase_dataset(dataset, body.reason, body.reference, _order(request, principal))
    return Status(202, Erasure.objects.get(pk=dataset_id))


@router.get(
    "/datasets/{uuid:dataset_id}/erasures",
    response=Page[ErasureOut],
    summary="List erasures",
    openapi_extra=ERASURES.described("not_found"),
)
def list_erasures(
    request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return what was erased of a dataset, the latest first unless asked, and whether its objects are gone."""
    asked = ERASURES.asked(request)
    selectors.dataset(principals.principal_of(request), dataset_id)
    found = asked.page(Erasure.objects.filter(dataset_id=dataset_id), cursor, limit, scope=str(dataset_id))
    return asked.answer([_erasure_out(erasure) for erasure in found.rows], found.next)


def _erasure_out(erasure: Erasure) -> dict[str, Any]:
    return {name: getattr(erasure, name) for name in ErasureOut.model_fields}


def _found(request: HttpRequest, version_id: UUID, role: str) -> tuple[Principal, Dataset]:
    principal = principals.required(request)
    version: Version = selectors.version(principal, version_id)
    dataset = selectors.dataset(principal, version.dataset_id)
    require(principal, role, dataset)
    return principal, dataset


def _order(request: HttpRequest, principal: Principal) -> Order:
    return Order(principal.subject, clock.now(), correlation_id_of(request))


def _shown(principal: Principal, version_id: UUID) -> dict[str, Any]:
    version = selectors.version(principal, version_id)
    return version_out(version, selectors.examinations([version_id]).get(version_id))
