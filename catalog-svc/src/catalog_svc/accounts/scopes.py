"""What a personal access token may be used for. Scopes are a ladder as roles are: each includes those before it."""

from collections.abc import Iterable
from typing import Final, Literal

from dataplatform.identity import ROLES

Scope = Literal["catalog:read", "upload", "catalog:write", "admin"]

CEILINGS: Final[dict[str, str]] = {
    "catalog:read": "reader",
    "upload": "uploader",
    "catalog:write": "steward",
    "admin": "administrator",
}
"""The strongest role that a scope lets its bearer use, whatever the account holds."""


def ceiling(scopes: Iterable[str]) -> str:
    """Return the strongest role that any of the scopes allows."""
    return max((CEILINGS[scope] for scope in scopes), key=ROLES.index)
