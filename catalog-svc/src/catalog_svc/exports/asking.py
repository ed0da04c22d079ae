"""Who asked for an export, and whether they may still have it: looked at when it is made and at each use of a link."""

from datetime import datetime
from typing import Any
from uuid import UUID

from catalog_svc.access.standing import reduced, standing_of
from catalog_svc.accounts import personal_tokens
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Table
from catalog_svc.exports.models import Export
from dataplatform.identity import Principal
from dataplatform.problems import Problem


def kept(principal: Principal) -> dict[str, Any]:
    """Return what a token allows, as JSON."""
    return {
        "institutions": {slug: sorted(roles) for slug, roles in sorted(principal.institutions.items())},
        "admin": principal.admin,
        "ceiling": principal.ceiling,
        "within": None if principal.within is None else sorted(principal.within),
        "token": None if principal.token is None else str(principal.token),
    }


def table_for(export: Export, now: datetime) -> Table:
    """Return the table of an export if who asked may still see it, with the token it was asked with.

    Raises 410 problems where the account or the token has ended or the version was withdrawn, 404 where it is not to
    be seen any more.
    """
    bearer = export.bearer
    today = standing_of(export.requested_by, export.created_at)
    token = UUID(bearer["token"]) if bearer["token"] else None
    if today is None or (token is not None and not personal_tokens.is_alive(token, now)):
        raise Problem("export_gone", "Export gone", 410, "the account or the token that asked for it has ended")
    principal = Principal(
        export.requested_by,
        {slug: frozenset(roles) for slug, roles in bearer["institutions"].items()},
        bearer["admin"],
        ceiling=bearer["ceiling"],
        within=None if bearer["within"] is None else frozenset(bearer["within"]),
        token=token,
    )
    return selectors.table(reduced(principal, today), export.table_id)
