"""REST: who besides the institution's own people may use a dataset. For stewards of the institution."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, model_validator

from catalog_svc.access import grants, principals
from catalog_svc.access.models import Grant
from catalog_svc.access.scope import forbidden
from catalog_svc.audit.acting import act_of
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset
from catalog_svc.institutions.models import Group
from catalog_svc.institutions.people import AccountName, account_of
from catalog_svc.listing import Listing, code, moment, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router: Final = Router(tags=["access"])

GrantedRole = Literal["reader", "steward"]
_ID: Final = "5b0c9f1e-4c1d-4f7b-8a54-0d8f6e2b9a10"
_SHOWN: Final[dict[str, JsonValue]] = {
    "grant_id": "cff8b7ec-92e8-5a87-9361-00b217309134", "dataset_id": _ID, "account_id": _ID, "group_id": None,
    "role": "reader", "granted_at": "2026-03-01T12:00:00Z", "granted_by": _ID, "expires_at": "2026-09-01T00:00:00Z",
}  # fmt: skip


class GrantOut(Schema):
    """A role for one dataset. Past `expires_at` it counts no more, and stays listed until it is revoked."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN]})

    grant_id: UUID
    dataset_id: UUID
    account_id: UUID | None
    group_id: UUID | None
    role: str
    granted_at: datetime
    granted_by: UUID | None
    expires_at: datetime | None


class NewGrant(Schema):
    """Whom to give what: an account, or a group of any institution."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account": "ada", "role": "reader", "expires_at": "2036-09-01T00:00:00Z"}]}
    )

    account: AccountName | None = None
    group_id: UUID | None = None
    role: GrantedRole = "reader"
    expires_at: AwareDatetime | None = Field(default=None, description="Absent: for good")

    @model_validator(mode="after")
    def _one_holder(self) -> "NewGrant":
        if (self.account is None) == (self.group_id is None):
            raise ValueError("name an account or a group_id, not both")
        return self


GRANTS: Final = Listing(
    "grants",
    GrantOut,
    (
        unique("grant_id"),
        unique("account_id", optional=True),
        unique("group_id", optional=True),
        code("role"),
        moment("granted_at"),
        moment("expires_at", optional=True),
    ),
    order=["-granted_at"],
    key="grant_id",
)


@router.get(
    "/datasets/{uuid:dataset_id}/grants",
    response=Page[GrantOut],
    summary="List grants",
    openapi_extra=GRANTS.described("forbidden", "not_found"),
)
def list_grants(request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the grants of a dataset, newest first."""
    _, dataset = _stewarded(request, dataset_id)
    asked = GRANTS.asked(request)
    found = asked.page(grants.of_dataset(dataset), cursor, limit, scope=str(dataset_id))
    return asked.answer([_out(grant) for grant in found.rows], found.next)


@router.post(
    "/datasets/{uuid:dataset_id}/grants",
    response={201: GrantOut},
    summary="Grant access",
    openapi_extra=refusals(
        "forbidden", "not_found", "unknown_account", "unknown_group", "expiry_passed", "too_many_grants"
    ),
)
def grant_access(request: HttpRequest, dataset_id: UUID, body: NewGrant) -> object:
    """Let an account or a group read or steward the dataset, whatever it is at the institution, from now on.

    It replaces what the same holder had. Who stewards a dataset by a grant does not hand it on.
    """
    principal, dataset = _stewarded(request, dataset_id)
    account_id = account_of(body.account).pk if body.account is not None else None
    if body.group_id is not None and not Group.objects.filter(pk=body.group_id).exists():
        raise Problem("unknown_group", "Unknown group", 422, "there is no such group")
    made = grants.grant(
        dataset,
        role=body.role,
        expires_at=body.expires_at,
        act=act_of(request, principal),
        account_id=account_id,
        group_id=body.group_id,
    )
    return Status(201, _out(made))


@router.delete(
    "/datasets/{uuid:dataset_id}/grants/{uuid:grant_id}",
    response={204: None},
    summary="Revoke access",
    openapi_extra=refusals("forbidden", "not_found"),
)
def revoke_access(request: HttpRequest, dataset_id: UUID, grant_id: UUID) -> object:
    """Take a grant back, at once, also for tokens that are out."""
    principal, dataset = _stewarded(request, dataset_id)
    grants.revoke(dataset, grants.one(dataset, grant_id), act_of(request, principal))
    return Status(204, None)


def _stewarded(request: HttpRequest, dataset_id: UUID) -> tuple[Principal, Dataset]:
    principal = principals.required(request)
    dataset = selectors.dataset(principal, dataset_id)
    if not principal.may("steward", dataset.institution_slug):
        raise forbidden("only stewards of the institution itself look after grants", dataset.institution_slug)
    return principal, dataset


def _out(grant: Grant) -> dict[str, object]:
    return {name: getattr(grant, name) for name in GrantOut.model_fields}
