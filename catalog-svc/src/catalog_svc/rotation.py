"""Rotates the keys that sign tokens."""

from datetime import timedelta

import structlog

from catalog_svc import clock
from catalog_svc.accounts import keys
from catalog_svc.settings import CatalogSettings

_log = structlog.get_logger(__name__)


def rotate(settings: CatalogSettings) -> str:
    """Let a new key take over in a minute, with no outage; return its id. Old ones verify while their tokens last."""
    lifetime = timedelta(seconds=settings.token_lifetime_seconds)
    key = keys.rotate(settings.secret_key.get_secret_value(), clock.now(), lifetime)
    _log.info("signing_key_rotated", kid=key.kid)
    return key.kid
