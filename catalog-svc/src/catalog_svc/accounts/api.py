"""REST: tokens, the bearer's own account, the keys that verify tokens."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Router, Schema
from pydantic import Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.accounts import keys, services, tokens
from catalog_svc.settings import settings

router = Router(tags=["accounts"])


class Credentials(Schema):
    """What a person signs in with."""

    username: Annotated[str, Field(min_length=1, max_length=150, pattern=r"^[^\x00]*$")]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class TokenOut(Schema):
    """An access token (RFC 6750)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the type's name
    expires_in: int = Field(description="Seconds")


class Me(Schema):
    """The bearer of the token."""

    account_id: UUID
    name: str | None
    admin: bool
    institutions: dict[str, list[str]] = Field(description="Roles by institution")


@router.post("/tokens", response=TokenOut, summary="Get an access token")
def issue_token(request: HttpRequest, body: Credentials) -> object:
    """Exchange a user name and a password for a token that every service of the platform accepts."""
    now = clock.now()
    configuration = settings()
    account = services.sign_in(body.username, body.password, address=_address(request), now=now)
    lifetime = timedelta(seconds=configuration.token_lifetime_seconds)
    token = tokens.issue(
        account,
        issuer=configuration.issuer,
        secret=configuration.secret_key.get_secret_value(),
        lifetime=lifetime,
        now=now,
    )
    return {"access_token": token, "expires_in": configuration.token_lifetime_seconds}


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


def _address(request: HttpRequest) -> str:
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if peer in settings().proxies:
        forwarded = request.headers.get("X-Forwarded-For", "")
        # the last entry is the one that our own balancer wrote; those before it are the client's words
        return (forwarded.rpartition(",")[2].strip() or peer)[:64]
    return peer
