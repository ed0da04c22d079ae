"""Ed25519 keys that sign tokens: made, kept encrypted, rotated, published.

The private half is sealed with AES-256-GCM under a key derived (HKDF-SHA256) from `DATAPLATFORM_SECRET_KEY`: a copy of
the database alone signs nothing.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import connection, transaction
from django.db.models import F
from jwt.algorithms import OKPAlgorithm

from catalog_svc.accounts.models import SigningKey

ALGORITHM: Final = "EdDSA"
PUBLISHED_AHEAD: Final = timedelta(minutes=1)
_NONCE_BYTES: Final = 12
_ROTATION_LOCK: Final = 0x6B657973


class SealedKeyError(Exception):
    """A signing key cannot be opened: `DATAPLATFORM_SECRET_KEY` is not the one it was sealed with."""

    code = "signing_key_sealed"


@dataclass(frozen=True)
class Signer:
    """The key that signs at present."""

    kid: str
    private: Ed25519PrivateKey


@dataclass(frozen=True)
class Rotation:
    """When a key is replaced without anybody asking: at this age. Needed with it: how long tokens last."""

    age: timedelta
    token_lifetime: timedelta


def current(secret: str, now: datetime, rotation: Rotation | None = None) -> Signer:
    """Return the key that signs now, making the first one, and the next when its time has come.

    Raises `SealedKeyError`.
    """
    row = _signing(now)
    if row is not None and rotation is not None and row.retired_at is None and row.created_at <= now - rotation.age:
        _rotate_if_old(secret, now, rotation)  # the new one signs in a minute: until then this one goes on
    if row is None:
        with transaction.atomic():
            _exclude_others()
            row = _signing(now) or _make(secret, now)
    return Signer(row.kid, _open(secret, row))


def rotate(secret: str, now: datetime, token_lifetime: timedelta) -> SigningKey:
    """Publish a new key, which signs after `PUBLISHED_AHEAD`: every verifier has had time to learn of it.

    The old ones stay published until the last token they signed has expired.
    """
    with transaction.atomic():
        _exclude_others()
        last = now + PUBLISHED_AHEAD
        SigningKey.objects.filter(retired_at=None).update(
            retired_at=last, expires_at=last + token_lifetime + timedelta(minutes=5)
        )
        SigningKey.objects.filter(expires_at__lt=now).delete()
        return _make(secret, now)


def _rotate_if_old(secret: str, now: datetime, rotation: Rotation) -> None:
    with transaction.atomic():
        _exclude_others()
        if not SigningKey.objects.filter(created_at__gt=now - rotation.age).exists():
            rotate(secret, now, rotation.token_lifetime)


def published(now: datetime) -> list[dict[str, Any]]:
    """Return the public keys that verify tokens still in use, as JSON Web Keys (RFC 8037)."""
    rows = SigningKey.objects.order_by("-created_at", "kid")
    return [row.public_jwk for row in rows if row.expires_at is None or row.expires_at > now]


def _signing(now: datetime) -> SigningKey | None:
    # the first to retire: the one that verifiers have known for longest
    return (
        SigningKey.objects.exclude(retired_at__lte=now)
        .order_by(F("retired_at").asc(nulls_last=True), "created_at", "kid")
        .first()
    )


def _exclude_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ROTATION_LOCK])


def _make(secret: str, now: datetime) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    kid = uuid4().hex
    jwk = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey.objects.create(
        kid=kid,
        public_jwk={**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM},
        private_key=_seal(secret, kid, private),
        created_at=now,
    )


def _cipher(secret: str) -> AESGCM:
    derive = HKDF(hashes.SHA256(), 32, salt=None, info=b"dataplatform signing keys")
    return AESGCM(derive.derive(secret.encode()))


def _seal(secret: str, kid: str, private: Ed25519PrivateKey) -> bytes:
    raw = private.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(secret).encrypt(nonce, raw, kid.encode())


def _open(secret: str, row: SigningKey) -> Ed25519PrivateKey:
    sealed = bytes(row.private_key)
    try:
        raw = _cipher(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row.kid.encode())
    except InvalidTag as error:
        raise SealedKeyError(
            "DATAPLATFORM_SECRET_KEY is not the one the signing keys were sealed with: set the old one, "
            "or delete the rows of signing_keys (all tokens end) and start again"
        ) from error
    return Ed25519PrivateKey.from_private_bytes(raw)
