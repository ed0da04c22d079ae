"""Secrets that have to be read again, sealed for the database with AES-256-GCM: a copy of it alone gives nothing away.

Each purpose has a key of its own, derived (HKDF-SHA256) from `DATAPLATFORM_SECRET_KEY`. Signing keys of tokens are
sealed the same way in `accounts.keys`.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32


class SealedError(Exception):
    """It was sealed with another `DATAPLATFORM_SECRET_KEY`, for another purpose or under another name."""

    code = "secret_sealed"


def derived(secret: str, purpose: str) -> bytes:
    """Return the key of one purpose; from it neither the secret nor another purpose's key can be found."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"dataplatform {purpose}".encode()).derive(secret.encode())


def seal(secret: str, purpose: str, name: str, plain: bytes) -> bytes:
    """Return `plain` sealed; it opens only for the same purpose and name."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derived(secret, purpose)).encrypt(nonce, plain, name.encode())


def unseal(secret: str, purpose: str, name: str, sealed: bytes) -> bytes:
    """Undo `seal`; raises `SealedError`."""
    try:
        return AESGCM(derived(secret, purpose)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
    except InvalidTag as error:
        raise SealedError("DATAPLATFORM_SECRET_KEY is not the one that this was sealed with") from error
