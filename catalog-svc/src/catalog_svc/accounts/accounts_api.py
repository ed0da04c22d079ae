"""REST: accounts of people, for administrators of the platform; invitations, also by administrators of institutions."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.accounts import invitations, selectors, services
from catalog_svc.accounts.models import Account
from catalog_svc.accounts.tokens import roles_of
from catalog_svc.correlation import correlation_id_of
from catalog_svc.institutions import selectors as institutions
from catalog_svc.institutions.services import enrol
from catalog_svc.listing import Listing, boolean, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.settings import settings
from dataplatform.events.identity import Slug
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router = Router(tags=["accounts"])

Role = Literal["reader", "uploader", "steward", "administrator"]
Name = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]


class InvitationIn(Schema):
    """Whom to invite, and the roles the account has from the beginning."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"username": "grace", "name": "Grace", "institution": "demo", "roles": ["steward"]}]
        }
    )

    username: Annotated[str, Field(min_length=1, max_length=150, pattern=r"^[^\x00-\x20:/]+$")]
    name: Name = ""
    institution: Slug | None = Field(default=None, description="Needed of who does not administer the platform")
    roles: list[Role] = Field(default_factory=list, max_length=4)


class InvitationOut(Schema):
    """A link to pass on; it is never shown again."""

    account_id: UUID
    link: str
    expires_at: datetime


class Acceptance(Schema):
    """The secret of an invitation (the end of its link), and the password to set."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "invitation": "dpin_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                    "password": "a longer sentence that nobody guesses",
                }
            ]
        }
    )

    invitation: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class AccountOut(Schema):
    """An account, as administrators of the platform see it."""

    account_id: UUID
    username: str
    name: str
    active: bool
    admin: bool
    service: bool
    institutions: dict[str, list[str]] = Field(description="Roles by institution")
    created_at: datetime
    last_signed_in_at: datetime | None = Field(description="With a browser")


class AccountChanges(Schema):
    """What to change; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    name: Name | None = None
    active: bool | None = None
    admin: bool | None = None


class SignOut(Schema):
    """What ends beside sessions and tokens."""

    personal_tokens: bool = Field(default=False, description="Personal access tokens, too")


ACCOUNTS: Final = Listing(
    "accounts",
    AccountOut,
    (
        text("username"),
        unique("account_id", "id"),
        text("name"),
        boolean("active", "is_active"),
        boolean("admin", "is_admin"),
        boolean("service", "is_service"),
        moment("created_at"),
        moment("last_signed_in_at", "last_login", optional=True),
    ),
    order=["username"],
    key="account_id",
)


@router.post("/invitations", response={201: InvitationOut}, summary="Invite a person")
def invite(request: HttpRequest, body: InvitationIn) -> object:
    """Make an account and a link with which its owner sets a password. Problems: `forbidden`, `account_exists`."""
    principal = principals.required(request)
    _may_invite(principal, body)
    now = clock.now()
    with transaction.atomic():
        account = services.open_account(body.username, body.name, now=now)
        if body.institution is not None:
            enrol(account, body.institution, body.roles)
        return Status(201, _invitation(request, account, principal, now))


@router.post("/invitations/accept", response={204: None}, summary="Accept an invitation")
def accept(request: HttpRequest, body: Acceptance) -> object:
    """Set the password of the invited account; works once. Problems: `invitation_ended`, `weak_password`."""
    invitations.accept(body.invitation, body.password, now=clock.now(), correlation_id=correlation_id_of(request))
    return Status(204, None)


@router.get(
    "/accounts",
    response=Page[AccountOut],
    summary="List accounts",
    openapi_extra=ACCOUNTS.described("token_missing", "forbidden"),
)
def list_accounts(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return all accounts, by user name unless asked; for administrators of the platform."""
    _administrator(request)
    asked = ACCOUNTS.asked(request)
    found = asked.page(selectors.accounts(), cursor, limit)
    return asked.answer([_out(account) for account in found.rows], found.next)


@router.get("/accounts/{account_id}", response=AccountOut, summary="Show an account")
def show_account(request: HttpRequest, account_id: UUID) -> object:
    """Return one account; for administrators of the platform. Problems: `forbidden`, `not_found`."""
    _administrator(request)
    return _out(selectors.account(account_id))


@router.patch("/accounts/{account_id}", response=AccountOut, summary="Change an account")
def revise_account(request: HttpRequest, account_id: UUID, body: AccountChanges) -> object:
    """Switch it on or off, let it administer the platform, name it. Problems: `forbidden`, `last_administrator`."""
    principal = _administrator(request)
    fields = {"name": body.name, "is_active": body.active, "is_admin": body.admin}
    changes = {name: value for name, value in fields.items() if value is not None}
    account = services.revise(
        selectors.account(account_id).pk,
        changes,
        by=principal.subject,
        now=clock.now(),
        correlation_id=correlation_id_of(request),
    )
    return _out(account)


@router.post("/accounts/{account_id}/sign-out", response={204: None}, summary="End an account's sessions and tokens")
def sign_out_everywhere(request: HttpRequest, account_id: UUID, body: SignOut) -> object:
    """Make everybody who uses the account sign in again. Problems: `forbidden`, `not_found`."""
    principal = _administrator(request)
    services.sign_out_everywhere(
        selectors.account(account_id),
        personal_tokens=body.personal_tokens,
        by=principal.subject,
        now=clock.now(),
        correlation_id=correlation_id_of(request),
    )
    return Status(204, None)


@router.post(
    "/accounts/{account_id}/invitation", response={201: InvitationOut}, summary="Let an account set a new password"
)
def invite_again(request: HttpRequest, account_id: UUID) -> object:
    """Make a link with which its owner sets a new password; older ones end. Problems: `forbidden`, `not_found`."""
    principal = _administrator(request)
    account = selectors.account(account_id)
    if hasattr(account, "service"):
        raise Problem("not_found", "Not found", 404, "there is no such account")
    return Status(201, _invitation(request, account, principal, clock.now()))


def _may_invite(principal: Principal, body: InvitationIn) -> None:
    if body.institution is not None:
        institutions.institution(body.institution)
    if not principal.admin and not (body.institution and principal.may("administrator", body.institution)):
        detail = "only administrators invite: of the platform, or of the institution that the invitation names"
        raise Problem("forbidden", "Forbidden", 403, detail)


def _administrator(request: HttpRequest) -> Principal:
    principal = principals.required(request)
    if not principal.admin:
        raise Problem("forbidden", "Forbidden", 403, "only administrators of the platform manage accounts")
    return principal


def _invitation(request: HttpRequest, account: Account, principal: Principal, now: datetime) -> dict[str, Any]:
    lifetime = timedelta(hours=settings().invitation_hours)
    text = invitations.invite(
        account, by=principal.subject, now=now, lifetime=lifetime, correlation_id=correlation_id_of(request)
    )
    # in the query, which no log has, not in the path
    link = f"{settings().public_url.rstrip('/')}/sign-in/invitation?invitation={text}"
    return {"account_id": account.pk, "link": link, "expires_at": now + lifetime}


def _out(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.pk,
        "username": account.username,
        "name": account.name,
        "active": account.is_active,
        "admin": account.is_admin,
        "service": hasattr(account, "service"),
        "institutions": roles_of(account),
        "created_at": account.created_at,
        "last_signed_in_at": account.last_login,
    }
