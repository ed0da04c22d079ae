"""Access tokens: JSON Web Tokens that every service verifies on its own. What a token says, and for how long."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from uuid import uuid4

import jwt

from catalog_svc.accounts import keys
from catalog_svc.accounts.models import Account
from catalog_svc.institutions.models import Membership
from dataplatform.identity import AUDIENCE, InvalidTokenError, Principal
from dataplatform.identity.tokens import LEEWAY_SECONDS, principal_of

_REQUIRED: Final = ["iss", "aud", "sub", "iat", "exp"]


def issue(account: Account, *, issuer: str, secret: str, lifetime: timedelta, now: datetime) -> str:
    """Return a token that names the account and every institution it may touch, with its roles there."""
    signer = keys.current(secret, now)
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(account.pk),
        "iat": now.timestamp(),
        "exp": int((now + lifetime).timestamp()),
        "jti": uuid4().hex,
        "institutions": roles_of(account),
        **({"name": account.name} if account.name else {}),
        **({"admin": True} if account.is_admin else {}),
    }
    return jwt.encode(claims, signer.private, algorithm=keys.ALGORITHM, headers={"kid": signer.kid})


def roles_of(account: Account) -> dict[str, list[str]]:
    """Return the account's roles by institution slug."""
    found: dict[str, list[str]] = {}
    for membership in Membership.objects.filter(account=account).order_by("institution_slug", "role"):
        found.setdefault(membership.institution_slug, []).append(membership.role)
    return found


class Verifier:
    """Verifies our own tokens against our own keys, which are read from the database when an unknown one is named."""

    def __init__(self, issuer: str, refetch: timedelta = timedelta(seconds=1)) -> None:
        self._issuer = issuer
        self._refetch = refetch
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at: datetime | None = None
        self._lock = Lock()

    def verify(self, token: str, now: datetime) -> tuple[Principal, datetime]:
        """Return the bearer and when the token was issued; raises `InvalidTokenError`."""
        try:
            header = jwt.get_unverified_header(token)
            # the algorithm is ours to choose, never the token's
            if header.get("alg") != keys.ALGORITHM:
                raise InvalidTokenError("token_invalid", f"tokens are signed with {keys.ALGORITHM}")
            claims = jwt.decode(
                token,
                self._key(str(header.get("kid")), now),
                algorithms=[keys.ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("token_expired", "the token has expired; ask for a new one") from error
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError("token_invalid", f"the token is not valid: {error}") from error
        return principal_of(claims), _issued_at(claims, now)

    def _key(self, kid: str, now: datetime) -> jwt.PyJWK:
        with self._lock:
            # read at most every few seconds for unknown names, and again in time to forget what was withdrawn
            age = now - self._read_at if self._read_at else None
            if age is None or (kid not in self._keys and age >= self._refetch) or age >= timedelta(minutes=1):
                found = keys.published(now)
                self._keys = {jwk["kid"]: jwt.PyJWK.from_dict(jwk, algorithm=keys.ALGORITHM) for jwk in found}
                self._read_at = now
            try:
                return self._keys[kid]
            except KeyError:
                raise InvalidTokenError("token_invalid", "the token is signed with a key that is not ours") from None


def _issued_at(claims: Mapping[str, Any], now: datetime) -> datetime:
    return datetime.fromtimestamp(float(claims["iat"]), now.tzinfo)
