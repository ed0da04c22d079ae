"""Secrets and signatures as Standard Webhooks 1.0 defines them: HMAC-SHA256 of id, time and body."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from catalog_svc.sealing import seal, unseal

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""The standard asks for 24 to 64."""
_PURPOSE: Final = "webhook secrets"


def shown(raw: bytes) -> str:
    """Return a secret as people get it, once."""
    return PREFIX + base64.b64encode(raw).decode()


def sealed(secret_key: str, endpoint_id: UUID, raw: bytes) -> bytes:
    """Return the secret of an endpoint as the database keeps it."""
    return seal(secret_key, _PURPOSE, str(endpoint_id), raw)


def opened(secret_key: str, endpoint_id: UUID, kept: bytes) -> bytes:
    """Undo `sealed`; raises `SealedError`."""
    return unseal(secret_key, _PURPOSE, str(endpoint_id), kept)


def message_id(delivery_id: UUID) -> str:
    """Return the `webhook-id`: the same at every attempt and every redelivery. No full stop may be in it."""
    return f"msg_{delivery_id.hex}"


def headers(delivery_id: UUID, at: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the three headers of an attempt at `at`; the newest secret signs first, while two are valid both sign."""
    identity, timestamp = message_id(delivery_id), str(int(at.timestamp()))
    signed = f"{identity}.{timestamp}.".encode() + body
    return {
        "webhook-id": identity,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
