"""REST: service accounts of an institution, and their tokens; for the institution's administrators."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from catalog_svc.access import principals
from catalog_svc.accounts import service_accounts, tokens_api
from catalog_svc.accounts.models import ServiceAccount
from catalog_svc.accounts.tokens import roles_of
from catalog_svc.accounts.tokens_api import CreatedToken, NewToken, PersonalTokenOut
from catalog_svc.audit.acting import act_of
from catalog_svc.institutions import selectors
from catalog_svc.listing import Listing, boolean, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router = Router(tags=["service accounts"])

Role = Literal["reader", "uploader", "steward", "administrator"]
Roles = Annotated[list[Role], Field(max_length=4)]
Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class NewServiceAccount(Schema):
    """A service account to make; its name stands for it in the institution."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "nightly-upload", "description": "Uploads measurements", "roles": ["uploader"]}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    description: Description = ""
    roles: Roles


class ServiceAccountChanges(Schema):
    """What to change; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    description: Description | None = None
    owner: UUID | None = Field(default=None, description="The account of a member who answers for it")
    roles: Roles | None = None
    active: bool | None = Field(default=None, description="Switched off, its tokens are refused at once")


class ServiceAccountOut(Schema):
    """A service account."""

    account_id: UUID
    name: str
    description: str
    owner: UUID | None
    roles: list[str]
    active: bool
    created_at: datetime


SERVICE_ACCOUNTS: Final = Listing(
    "service accounts",
    ServiceAccountOut,
    (
        text("name", "account__name"),
        unique("account_id"),
        text("description"),
        unique("owner", "owner_id", optional=True),
        boolean("active", "account__is_active"),
        moment("created_at", "account__created_at"),
    ),
    order=["name"],
    key="account_id",
)


@router.get(
    "/{slug}/service-accounts",
    response=Page[ServiceAccountOut],
    summary="List service accounts",
    openapi_extra=SERVICE_ACCOUNTS.described("token_missing", "forbidden", "not_found"),
)
def list_service_accounts(
    request: HttpRequest, slug: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return the institution's service accounts, by name unless asked."""
    _administrator(request, slug)
    asked = SERVICE_ACCOUNTS.asked(request)
    found = asked.page(service_accounts.of_institution(slug), cursor, limit, scope=slug)
    return asked.answer([_out(service) for service in found.rows], found.next)


@router.post("/{slug}/service-accounts", response={201: ServiceAccountOut}, summary="Make a service account")
def create_service_account(request: HttpRequest, slug: str, body: NewServiceAccount) -> object:
    """Make an account for a program; it has no password. Problems: `forbidden`, `not_found`, `account_exists`."""
    act = act_of(request, _administrator(request, slug))
    return Status(201, _out(service_accounts.create(slug, body.name, body.description, body.roles, act)))


@router.get("/{slug}/service-accounts/{account_id}", response=ServiceAccountOut, summary="Show a service account")
def show_service_account(request: HttpRequest, slug: str, account_id: UUID) -> object:
    """Return one service account. Problems: `forbidden`, `not_found`."""
    _administrator(request, slug)
    return _out(service_accounts.one(slug, account_id))


@router.patch("/{slug}/service-accounts/{account_id}", response=ServiceAccountOut, summary="Change a service account")
def revise_service_account(request: HttpRequest, slug: str, account_id: UUID, body: ServiceAccountChanges) -> object:
    """Describe it, give it roles or an owner, switch it off. Problems: `forbidden`, `not_found`, `unknown_account`."""
    act = act_of(request, _administrator(request, slug))
    changes = {name: value for name, value in body.dict().items() if value is not None}
    return _out(service_accounts.revise(service_accounts.one(slug, account_id), changes, act))


@router.get(
    "/{slug}/service-accounts/{account_id}/tokens",
    response=Page[PersonalTokenOut],
    summary="List tokens of a service account",
    openapi_extra=tokens_api.TOKENS.described("token_missing", "forbidden", "not_found"),
)
def list_service_tokens(
    request: HttpRequest, slug: str, account_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return its tokens, newest first unless asked, ended ones too."""
    _administrator(request, slug)
    return tokens_api.page(request, service_accounts.one(slug, account_id).pk, limit, cursor)


@router.post(
    "/{slug}/service-accounts/{account_id}/tokens",
    response={201: CreatedToken},
    summary="Make a token of a service account",
)
def create_service_token(request: HttpRequest, slug: str, account_id: UUID, body: NewToken) -> object:
    """Make what the program authenticates with. Problems: `forbidden`, `not_found`, `token_too_powerful`."""
    principal = _administrator(request, slug)
    account = service_accounts.one(slug, account_id).account
    return Status(201, tokens_api.made(request, account, body, principal))


@router.delete(
    "/{slug}/service-accounts/{account_id}/tokens/{token_id}",
    response={204: None},
    summary="Revoke a token of a service account",
)
def revoke_service_token(request: HttpRequest, slug: str, account_id: UUID, token_id: UUID) -> object:
    """End a token at once. Problems: `forbidden`, `not_found`."""
    principal = _administrator(request, slug)
    tokens_api.revoked(request, service_accounts.one(slug, account_id).pk, token_id, principal)
    return Status(204, None)


def _administrator(request: HttpRequest, slug: str) -> Principal:
    principal = principals.required(request)
    selectors.institution(slug)
    if not principal.may("administrator", slug):
        raise Problem("forbidden", "Forbidden", 403, "only administrators of the institution manage service accounts")
    return principal


def _out(service: ServiceAccount) -> dict[str, Any]:
    return {
        "account_id": service.pk,
        "name": service.account.name,
        "description": service.description,
        "owner": service.owner_id,
        "roles": roles_of(service.account).get(service.institution_slug, []),
        "active": service.account.is_active,
        "created_at": service.account.created_at,
    }
