"""REST: personal access tokens, one's own and those of service accounts (whose operations are in `services_api`)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, ConfigDict, Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.accounts import personal_tokens
from catalog_svc.accounts.models import Account, PersonalToken
from catalog_svc.accounts.personal_tokens import Wish
from catalog_svc.accounts.scopes import Scope
from catalog_svc.correlation import correlation_id_of
from catalog_svc.listing import Listing, codes, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.settings import settings
from dataplatform.events.identity import Slug
from dataplatform.identity import Principal

router = Router(tags=["accounts"])


class NewToken(Schema):
    """A personal access token to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "nightly upload", "scopes": ["upload"], "institutions": ["demo"], "days": 90}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$", description="What it is for")]
    scopes: Annotated[
        list[Scope], Field(min_length=1, max_length=4, description="A ladder: each includes those before it")
    ]
    institutions: Annotated[
        list[Slug] | None, Field(min_length=1, max_length=100, description="Limit it to these; null: no limit")
    ] = None
    days: Annotated[int, Field(ge=1, le=3660, description="Until it expires; where `expires_at` is not given")] = 90
    expires_at: AwareDatetime | None = None


class PersonalTokenOut(Schema):
    """A personal access token; what it is written like is not stored."""

    token_id: UUID
    name: str
    ending: str = Field(description="Its last four characters")
    scopes: list[Scope]
    institutions: list[str] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")


class CreatedToken(PersonalTokenOut):
    """The same, with the token: this is the only time it is shown."""

    token: str = Field(description="`dpat_`, 30 random characters, 6 of checksum")


TOKENS: Final = Listing(
    "tokens",
    PersonalTokenOut,
    (
        moment("created_at"),
        unique("token_id", "id"),
        text("name"),
        codes("scopes"),
        codes("institutions"),
        moment("expires_at"),
        moment("revoked_at", optional=True),
        moment("last_used_at", optional=True),
    ),
    order=["-created_at"],
    key="token_id",
)


@router.get(
    "/me/tokens",
    response=Page[PersonalTokenOut],
    summary="List one's personal access tokens",
    openapi_extra=TOKENS.described("token_missing"),
)
def list_tokens(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the bearer's personal access tokens, newest first unless asked, ended ones too."""
    return page(request, principals.required(request).subject, limit, cursor)


@router.post("/me/tokens", response={201: CreatedToken}, summary="Make a personal access token")
def create_token(request: HttpRequest, body: NewToken) -> object:
    """Make a token of the bearer's account. Problems: `token_too_powerful`, `too_many_tokens`."""
    principal = principals.required(request)
    return Status(201, made(request, Account.objects.get(pk=principal.subject), body, principal))


@router.delete("/me/tokens/{token_id}", response={204: None}, summary="Revoke a personal access token")
def revoke_token(request: HttpRequest, token_id: UUID) -> object:
    """End one of the bearer's tokens, and those that were made with it, at once. Problems: `not_found`."""
    principal = principals.required(request)
    revoked(request, principal.subject, token_id, principal)
    return Status(204, None)


def page(request: HttpRequest, account_id: UUID, limit: int, cursor: str | None) -> object:
    """Return the page of an account's tokens that is asked for."""
    asked = TOKENS.asked(request)
    found = asked.page(PersonalToken.objects.filter(account_id=account_id), cursor, limit, scope=str(account_id))
    return asked.answer([out(token) for token in found.rows], found.next)


def made(request: HttpRequest, account: Account, body: NewToken, maker: Principal) -> dict[str, Any]:
    """Make a token of `account` as `body` wishes; return it with its text."""
    now, most = clock.now(), timedelta(days=settings().personal_token_days)
    expires_at = body.expires_at or now + min(timedelta(days=body.days), most)
    wish = Wish(body.name, body.scopes, _slugs(body.institutions), expires_at)
    correlation_id = correlation_id_of(request)
    token, text = personal_tokens.create(account, wish, maker, now=now, most=most, correlation_id=correlation_id)
    return {**out(token), "token": text}


def revoked(request: HttpRequest, account_id: UUID, token_id: UUID, by: Principal) -> None:
    """End a token of an account."""
    personal_tokens.revoke(
        account_id, token_id, by=by.subject, now=clock.now(), correlation_id=correlation_id_of(request)
    )


def out(token: PersonalToken) -> dict[str, Any]:
    """Return what is told about a token."""
    names = (name for name in PersonalTokenOut.model_fields if name != "token_id")
    return {"token_id": token.pk, **{name: getattr(token, name) for name in names}}


def _slugs(slugs: Iterable[str] | None) -> list[str] | None:
    return None if slugs is None else list(slugs)
