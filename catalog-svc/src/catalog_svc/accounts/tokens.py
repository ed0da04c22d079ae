"""Access tokens: JSON Web Tokens that every service verifies on its own. What a token says, and for how long."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from uuid import UUID, uuid4

import jwt

from catalog_svc.accounts import keys
from catalog_svc.accounts.models import Account
from catalog_svc.institutions import selectors as institutions
from dataplatform.identity import AUDIENCE, ROLES, InvalidTokenError, Principal
from dataplatform.identity.tokens import LEEWAY_SECONDS, principal_of

_REQUIRED: Final = ["iss", "aud", "sub", "iat", "exp"]


def issue(
    account: Account,
    *,
    issuer: str,
    secret: str,
    lifetime: timedelta,
    now: datetime,
    rotation: keys.Rotation | None = None,
) -> str:
    """Return a token that names the account and every institution it may touch, with its roles there."""
    principal = principal_for(account)
    return sign(principal, issuer=issuer, secret=secret, expires_at=now + lifetime, now=now, rotation=rotation)


def sign(
    principal: Principal,
    *,
    issuer: str,
    secret: str,
    expires_at: datetime,
    now: datetime,
    rotation: keys.Rotation | None = None,
) -> str:
    """Return a token that says what `principal` is, limits included."""
    signer = keys.current(secret, now, rotation)
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": str(principal.subject),
        "iat": now.timestamp(),
        "exp": int(expires_at.timestamp()),
        "jti": uuid4().hex,
        "institutions": {slug: sorted(roles) for slug, roles in sorted(principal.institutions.items())},
        **({"name": principal.name} if principal.name else {}),
        **({"admin": True} if principal.admin else {}),
        **({"ceiling": principal.ceiling} if principal.ceiling != ROLES[-1] else {}),
        **({"within": sorted(principal.within)} if principal.within is not None else {}),
        **({"pat": str(principal.token)} if principal.token is not None else {}),
    }
    return jwt.encode(claims, signer.private, algorithm=keys.ALGORITHM, headers={"kid": signer.kid})


def principal_for(account: Account, *, token: UUID | None = None) -> Principal:
    """Return who an account is at present, with all its roles."""
    return Principal(account.pk, institutions.roles_of(account.pk), account.is_admin, account.name or None, token=token)


def roles_of(account: Account) -> dict[str, list[str]]:
    """Return the account's roles by institution slug, those of its groups included."""
    return {slug: sorted(roles) for slug, roles in institutions.roles_of(account.pk).items()}


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
