"""Links to files of exports: signed by a key of their own, for one file and a time, good without a bearer."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from catalog_svc.sealing import derived
from dataplatform.problems import Problem

_PURPOSE: Final = "export links"


def link(secret_key: str, export_id: UUID, expires: datetime) -> str:
    """Return the path and query of the link."""
    moment = int(expires.timestamp())
    return f"/api/v1/exports/{export_id}/file?expires={moment}&signature={_signature(secret_key, export_id, moment)}"


def check(secret_key: str, export_id: UUID, expires: int, signature: str, now: datetime) -> None:
    """Raise a 403 problem for what we did not sign, 410 for what is over."""
    if not hmac.compare_digest(_signature(secret_key, export_id, expires).encode(), signature.encode()):
        raise Problem("link_invalid", "Link invalid", 403, "the link is not one of ours, or was changed")
    if now >= datetime.fromtimestamp(expires, UTC):
        raise Problem("link_expired", "Link expired", 410, "ask for a new one: GET the export")


def _signature(secret_key: str, export_id: UUID, expires: int) -> str:
    said = f"GET exports/{export_id}/file {expires}".encode()
    return hmac.new(derived(secret_key, _PURPOSE), said, hashlib.sha256).hexdigest()
