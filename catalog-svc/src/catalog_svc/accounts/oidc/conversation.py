"""The conversation with a provider: authorization code flow with PKCE (S256), state and nonce, by Authlib.

Every answer is checked here: state, issuer, audience, authorized party, nonce, times, an asymmetric signature by a key
that the provider publishes. An unknown key id makes the keys be fetched again, so a provider may rotate them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.django_client import OAuth
from django.http import HttpRequest
from joserfc.errors import JoseError
from requests import RequestException

from catalog_svc.accounts.oidc.providers import OidcProvider
from dataplatform.problems import Problem

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_TIMEOUT_SECONDS: Final = 5
_KEPT_SECONDS: Final = 600
"""How long a provider's description and keys are believed, so that a withdrawn key stops counting."""
_MAX_SUBJECT: Final = 255
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Kept:
    provider: OidcProvider
    client: Any
    made_at: float


_clients: dict[str, _Kept] = {}


@dataclass(frozen=True)
class Answer:
    """What a provider said of whom, and the purpose the flow was begun for."""

    subject: str
    claims: Mapping[str, Any]
    purpose: Mapping[str, str]


def begin(request: HttpRequest, provider: OidcProvider, redirect_uri: str, purpose: Mapping[str, str]) -> str:
    """Return where to send the browser; what its answer is checked against is kept in the session.

    Raises a 503 problem while the provider does not answer.
    """
    try:
        client = _client(provider)
        asked = client.create_authorization_url(redirect_uri)
    except (RequestException, OAuthError, ValueError, RuntimeError) as error:
        raise _unavailable(provider, error) from error
    client.save_authorize_data(request, redirect_uri=redirect_uri, purpose=dict(purpose), **asked)
    return str(asked["url"])


def finish(request: HttpRequest, provider: OidcProvider) -> Answer:
    """Return what the provider answered; works once for each flow.

    Raises a 403 problem for an answer that proves nothing, 503 while the provider does not answer.
    """
    try:
        client = _client(provider)
        kept = client.framework.get_state_data(request.session, request.GET.get("state")) or {}
        if request.GET.get("iss", client.server_metadata["issuer"]) != client.server_metadata["issuer"]:
            raise _refused(provider, "the answer is another provider's")
        token = client.authorize_access_token(
            request, claims_options=_expected(provider, client), leeway=provider.clock_skew_seconds
        )
        claims = token.get("userinfo")
        if claims is None:
            raise _refused(provider, "the answer has no id token")
        return Answer(_subject(provider, claims), _completed(provider, client, token, claims), kept.get("purpose", {}))
    except RequestException as error:
        raise _unavailable(provider, error) from error
    except (OAuthError, JoseError, ValueError, KeyError, TypeError) as error:
        # the class of the error only: its words may quote what the provider sent
        raise _refused(provider, type(error).__name__) from error


def _expected(provider: OidcProvider, client: Any) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "values": [client.server_metadata["issuer"]]},
        "aud": {"essential": True, "value": provider.client_id},
        "nonce": {"essential": True},
    }


def _client(provider: OidcProvider) -> Any:
    """Return Authlib's client with the provider's description loaded; raises what reading it raises."""
    kept = _clients.get(provider.name)
    if kept is None or kept.provider != provider or time.monotonic() - kept.made_at > _KEPT_SECONDS:
        client = _new_client(provider)
        client.load_server_metadata()
        kept = _clients[provider.name] = _Kept(provider, _restricted(provider, client), time.monotonic())
    return kept.client


def _restricted(provider: OidcProvider, client: Any) -> Any:
    """Return the client, believing asymmetric signatures only; raises `ValueError` for another issuer's description."""
    metadata = client.server_metadata
    if str(metadata.get("issuer", "")).rstrip("/") != provider.issuer:
        raise ValueError("the provider describes itself as another issuer")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in _ALGORITHMS]
    return client


def _new_client(provider: OidcProvider) -> Any:
    secret = provider.client_secret.get_secret_value() if provider.client_secret else None
    return OAuth().register(
        provider.name,
        client_id=provider.client_id,
        client_secret=secret,
        server_metadata_url=provider.metadata_url,
        client_kwargs={
            "scope": provider.scopes,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT_SECONDS,
            "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        },
    )


def _subject(provider: OidcProvider, claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or "\x00" in subject:
        raise _refused(provider, "the subject is none")
    return subject


def _completed(provider: OidcProvider, client: Any, token: Any, claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims with those of the userinfo endpoint, asked only where the one that gives roles is missing."""
    if provider.provisioning != "claims" or provider.roles_claim in claims:
        return claims
    if "userinfo_endpoint" not in client.server_metadata:
        return claims
    more = client.userinfo(token=token)
    if more.get("sub") != claims["sub"]:
        raise _refused(provider, "the userinfo endpoint tells of somebody else")
    return {**more, **claims}


def _refused(provider: OidcProvider, reason: str) -> Problem:
    _log.warning("oidc.refused", provider=provider.name, reason=reason)
    return Problem(
        "sign_in_refused", "Sign-in refused", 403, "the identity provider's answer proves nothing: sign in once more"
    )


def _unavailable(provider: OidcProvider, error: Exception) -> Problem:
    _log.warning("oidc.unavailable", provider=provider.name, error=type(error).__name__)
    detail = "the identity provider does not answer: try again in a moment, or sign in another way"
    return Problem("provider_unavailable", "Provider unavailable", 503, detail, headers={"Retry-After": "10"})
