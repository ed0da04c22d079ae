"""REST: tokens, the bearer's own account, the keys that verify tokens."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.accounts import keys, personal_tokens, services, tokens
from catalog_svc.accounts.addresses import address_of
from catalog_svc.accounts.models import Account
from catalog_svc.correlation import correlation_id_of
from catalog_svc.settings import CatalogSettings, settings
from dataplatform.identity import InvalidTokenError, Principal
from dataplatform.problems import Problem

router = Router(tags=["accounts"])

Password = Annotated[str, Field(min_length=1, max_length=1024)]
Secret = Annotated[str, Field(min_length=1, max_length=200, examples=["dpat_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"])]


class Credentials(Schema):
    """What a person signs in with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "correct horse battery staple"}]}
    )

    username: Annotated[str, Field(min_length=1, max_length=150, pattern=r"^[^\x00]*$")]
    password: Password


class PersonalTokenIn(Schema):
    """A personal access token to exchange for a short one that the other services verify on their own."""

    token: Secret


class ClientCredentials(Schema):
    """The same in the words of OAuth 2 (RFC 6749, section 4.4): the account's id, and a personal access token of it."""

    grant_type: Literal["client_credentials"]
    client_id: UUID
    client_secret: Secret


class TokenOut(Schema):
    """An access token (RFC 6750)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the type's name
    expires_in: int = Field(description="Seconds")


class PasswordChange(Schema):
    """The password there is, and the one there shall be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"current": "correct horse battery staple", "new": "a longer sentence that nobody guesses"}]
        }
    )

    current: Password
    new: Password


class Me(Schema):
    """The bearer of the token."""

    account_id: UUID
    name: str | None
    admin: bool
    institutions: dict[str, list[str]] = Field(description="Roles by institution")


@router.post("/tokens", response=TokenOut, summary="Get an access token")
def issue_token(request: HttpRequest, body: Credentials | PersonalTokenIn | ClientCredentials) -> object:
    """Get a token that every service of the platform accepts, for a user name and a password or for a personal token.

    For a personal access token it has the scopes of that one, lasts some minutes, and ends with it here. Problems:
    `wrong_credentials`, `too_many_attempts`, `token_invalid`, `token_expired`, `token_revoked`.
    """
    now = clock.now()
    configuration = settings()
    if isinstance(body, Credentials):
        account = services.sign_in(body.username, body.password, address=address_of(request), now=now)
        seconds = configuration.token_lifetime_seconds
        return _signed(tokens.principal_for(account), now + timedelta(seconds=seconds), now, configuration)
    principal, ends_at = _exchanged(body, now)
    lifetime = timedelta(seconds=configuration.exchanged_token_lifetime_seconds)
    return _signed(principal, min(ends_at, now + lifetime), now, configuration)


@router.get("/me", response=Me, summary="Show the bearer of the token")
def show_me(request: HttpRequest) -> object:
    """Return the account that the token names, as the token tells it."""
    principal = principals.required(request)
    return {
        "account_id": principal.subject,
        "name": principal.name,
        "admin": principal.admin,
        "institutions": {slug: sorted(roles) for slug, roles in sorted(principal.institutions.items())},
    }


def jwks(_request: HttpRequest) -> JsonResponse:
    """Return the JSON Web Key Set (RFC 7517) that verifies our tokens."""
    response = JsonResponse({"keys": keys.published(clock.now())})
    response["Cache-Control"] = "public, max-age=60"
    return response


@router.post("/me/password", response={204: None}, summary="Change one's password")
def change_password(request: HttpRequest, body: PasswordChange) -> object:
    """Replace the password of the bearer's account; its sessions and tokens end, personal access tokens go on.

    Problems: `wrong_credentials`, `too_many_attempts`, `weak_password`, and `forbidden` with a personal access token.
    """
    principal = principals.required(request)
    if principal.token is not None:
        raise Problem("forbidden", "Forbidden", 403, "a personal access token does not change passwords: sign in")
    services.change_password(
        Account.objects.get(pk=principal.subject),
        body.current,
        body.new,
        address=address_of(request),
        now=clock.now(),
        correlation_id=correlation_id_of(request),
    )
    return Status(204, None)


def _signed(principal: Principal, expires_at: datetime, now: datetime, configuration: CatalogSettings) -> object:
    token = tokens.sign(
        principal,
        issuer=configuration.issuer,
        secret=configuration.secret_key.get_secret_value(),
        expires_at=expires_at,
        now=now,
        rotation=rotation_of(configuration),
    )
    return {"access_token": token, "expires_in": int((expires_at - now).total_seconds())}


def _exchanged(body: PersonalTokenIn | ClientCredentials, now: datetime) -> tuple[Principal, datetime]:
    text = body.token if isinstance(body, PersonalTokenIn) else body.client_secret
    try:
        principal, token = personal_tokens.use(text, now)
    except InvalidTokenError as error:
        raise Problem(error.code, "Not authenticated", 401, str(error)) from error
    if isinstance(body, ClientCredentials) and body.client_id != principal.subject:
        raise Problem("token_invalid", "Not authenticated", 401, "there is no such personal access token")
    return principal, token.expires_at


def rotation_of(configuration: CatalogSettings) -> keys.Rotation | None:
    """Return when signing keys are replaced by themselves, None for never."""
    if not configuration.signing_key_days:
        return None
    return keys.Rotation(
        age=timedelta(days=configuration.signing_key_days),
        token_lifetime=timedelta(seconds=configuration.token_lifetime_seconds),
    )
