"""REST: asking for access to a dataset that one was told of, and deciding that."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from catalog_svc.access import principals, requests
from catalog_svc.access.grants_api import GrantedRole
from catalog_svc.access.models import AccessRequest
from catalog_svc.audit.acting import act_of
from catalog_svc.institutions import selectors
from catalog_svc.institutions.people import holding
from catalog_svc.listing import Listing, code, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from dataplatform.events.identity import Slug

router: Final = Router(tags=["access"])

Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
State = Literal["open", "accepted", "declined", "cancelled"]
_ID: Final = "cff8b7ec-92e8-5a87-9361-00b217309134"
_SHOWN: Final[dict[str, JsonValue]] = {
    "request_id": _ID, "account_id": _ID, "username": "ada", "institution": "demo", "dataset": "air-quality",
    "message": "for my thesis", "state": "open", "requested_at": "2026-03-01T12:00:00Z", "decided_at": None,
    "reason": "", "links": {"self": f"/api/v1/access-requests/{_ID}"},
}  # fmt: skip


class AccessRequestOut(Schema):
    """A request for access. That it is open says nothing about whether there is such a dataset."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN]})

    request_id: UUID
    account_id: UUID
    username: str
    institution: str
    dataset: str
    message: str
    state: State
    requested_at: datetime
    decided_at: datetime | None
    reason: str
    links: dict[str, str]


class NewAccessRequest(Schema):
    """What to ask for: the names that somebody told, or that stand in a link."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"institution": "demo", "dataset": "air-quality", "message": "for my thesis"}]}
    )

    institution: Slug
    dataset: Slug
    message: Words = ""


class Acceptance(Schema):
    """What is granted."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "reader", "expires_at": "2036-09-01T00:00:00Z"}]}
    )

    role: GrantedRole = "reader"
    expires_at: AwareDatetime | None = Field(default=None, description="Absent: for good")


class Declination(Schema):
    """Why not; whoever asked reads it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "only for members of the project"}]})

    reason: Annotated[Words, Field(min_length=1)]


ACCESS_REQUESTS: Final = Listing(
    "access requests",
    AccessRequestOut,
    (
        moment("requested_at"),
        unique("request_id"),
        unique("account_id"),
        text("institution", "institution_slug"),
        text("dataset", "dataset_slug"),
        code("state"),
        moment("decided_at", optional=True),
    ),
    order=["-requested_at"],
    key="request_id",
)


@router.post(
    "/access-requests",
    response={202: AccessRequestOut},
    summary="Ask for access to a dataset",
    openapi_extra=refusals("token_missing", "not_found", "already_accessible", "too_many_open_requests"),
)
def ask_for_access(request: HttpRequest, body: NewAccessRequest) -> object:
    """Ask the stewards of an institution for a dataset by its name.

    The answer is the same whether there is one of that name or not; asked again, it is the request there is.
    """
    principal = principals.required(request)
    selectors.institution(body.institution)
    made = requests.ask(principal, body.institution, body.dataset, body.message, act_of(request, principal))
    return Status(202, _out(made))


@router.get(
    "/access-requests",
    response=Page[AccessRequestOut],
    summary="List one's own requests for access",
    openapi_extra=ACCESS_REQUESTS.described("token_missing"),
)
def list_own_access_requests(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return what the caller asked for, newest first, and what became of it."""
    principal = principals.required(request)
    asked = ACCESS_REQUESTS.asked(request)
    found = asked.page(requests.of_account(principal.subject), cursor, limit, scope=str(principal.subject))
    return asked.answer([_out(row) for row in found.rows], found.next)


@router.get(
    "/institutions/{slug}/access-requests",
    response=Page[AccessRequestOut],
    summary="List requests for an institution's datasets",
    openapi_extra=ACCESS_REQUESTS.described("forbidden", "not_found"),
)
def list_access_requests(
    request: HttpRequest, slug: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return who asked for what, newest first; for stewards."""
    holding(request, "steward", slug)
    asked = ACCESS_REQUESTS.asked(request)
    found = asked.page(requests.to_decide(slug), cursor, limit, scope=slug)
    return asked.answer([_out(row) for row in found.rows], found.next)


@router.get(
    "/access-requests/{uuid:request_id}",
    response=AccessRequestOut,
    summary="Show a request for access",
    openapi_extra=refusals("token_missing", "not_found"),
)
def show_access_request(request: HttpRequest, request_id: UUID) -> object:
    """Return one request; for who made it, and the stewards who decide it."""
    return _out(requests.request(principals.required(request), request_id, steward=False))


@router.post(
    "/access-requests/{uuid:request_id}/accept",
    response=AccessRequestOut,
    summary="Accept a request for access",
    openapi_extra=refusals("forbidden", "not_found", "request_decided", "expiry_passed"),
)
def accept_access_request(request: HttpRequest, request_id: UUID, body: Acceptance) -> object:
    """Grant what was asked for; for stewards of the institution."""
    principal = principals.required(request)
    found = requests.request(principal, request_id, steward=True)
    return _out(requests.accept(found, body.role, body.expires_at, act_of(request, principal)))


@router.post(
    "/access-requests/{uuid:request_id}/decline",
    response=AccessRequestOut,
    summary="Decline a request for access",
    openapi_extra=refusals("forbidden", "not_found", "request_decided"),
)
def decline_access_request(request: HttpRequest, request_id: UUID, body: Declination) -> object:
    """Say no, and why; for stewards of the institution."""
    principal = principals.required(request)
    found = requests.request(principal, request_id, steward=True)
    return _out(requests.decline(found, body.reason, act_of(request, principal)))


@router.delete(
    "/access-requests/{uuid:request_id}",
    response={204: None},
    summary="Take back a request for access",
    openapi_extra=refusals("forbidden", "not_found", "request_decided"),
)
def cancel_access_request(request: HttpRequest, request_id: UUID) -> object:
    """Take back one's own request while nobody has decided it."""
    principal = principals.required(request)
    found = requests.request(principal, request_id, steward=False)
    requests.cancel_own(principal, found, act_of(request, principal))
    return Status(204, None)


def _out(found: AccessRequest) -> dict[str, object]:
    return {
        "request_id": found.request_id,
        "account_id": found.account_id,
        "username": found.account.username,
        "institution": found.institution_slug,
        "dataset": found.dataset_slug,
        "message": found.message,
        "state": found.state,
        "requested_at": found.requested_at,
        "decided_at": found.decided_at,
        "reason": found.reason,
        "links": {"self": f"/api/v1/access-requests/{found.request_id}"},
    }
