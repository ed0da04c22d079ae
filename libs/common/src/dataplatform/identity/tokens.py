"""Verification of access tokens: JWT (RFC 7519), EdDSA only, checked against the issuer's published keys."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import jwt

from dataplatform.identity.jwks import ALGORITHM, IdentityUnavailableError, KeySet
from dataplatform.identity.principal import ROLES, Principal

AUDIENCE: Final = "dataplatform"
LEEWAY_SECONDS: Final = 10
"""How far the issuer's clock and ours may differ."""
_REQUIRED: Final = ["iss", "aud", "sub", "iat", "exp"]

__all__ = ["AUDIENCE", "IdentityUnavailableError", "InvalidTokenError", "TokenVerifier"]


class InvalidTokenError(Exception):
    """The token proves nothing. `code` is `token_expired` or `token_invalid`; its bearer may read the message."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TokenVerifier:
    """Turns a token into a `Principal` without asking the issuer about it: only its public keys are fetched."""

    def __init__(self, jwks_url: str, issuer: str, audience: str = AUDIENCE, *, keys: KeySet | None = None) -> None:
        self._keys = keys or KeySet(jwks_url)
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Principal:
        """Return the bearer; raises `InvalidTokenError`, or `IdentityUnavailableError` while no key is known."""
        key = await self._keys.get(_key_id(token))
        if key is None:
            raise InvalidTokenError("token_invalid", "the token is signed with a key that its issuer does not publish")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("token_expired", "the token has expired; ask for a new one") from error
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError("token_invalid", f"the token is not valid: {error}") from error
        return principal_of(claims)


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise InvalidTokenError("token_invalid", f"this is not a token: {error}") from error
    kid = header.get("kid")
    # The algorithm is ours to choose, never the token's: anything else is refused before a key is even looked up.
    if header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise InvalidTokenError("token_invalid", f"tokens are signed with {ALGORITHM} and name their key (kid)")
    return kid


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """Return the principal that verified claims describe; unknown roles are ignored. Raises `InvalidTokenError`."""
    try:
        institutions = {
            str(slug): frozenset(roles) & frozenset(ROLES) for slug, roles in claims.get("institutions", {}).items()
        }
        within, token = claims.get("within"), claims.get("pat")
        return Principal(
            UUID(claims["sub"]),
            institutions,
            claims.get("admin") is True,
            claims.get("name"),
            ceiling=ROLES[ROLES.index(claims.get("ceiling", ROLES[-1]))],
            within=None if within is None else frozenset(map(str, within)),
            token=None if token is None else UUID(token),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidTokenError("token_invalid", "the token's claims do not have the expected shape") from error
