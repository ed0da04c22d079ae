"""How an entry gets into the audit log, and how old ones leave it. No other module writes the table."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.db import connection
from pydantic import JsonValue

from catalog_svc.audit.models import AuditEntry

MINIMUM_RETENTION: Final = timedelta(days=365)
"""What the database's guard protects; the migration says the same number."""
_MAX_DETAILS: Final = 8_192


def record(
    *,
    by: UUID | None,
    action: str,
    subject: str,
    subject_id: UUID | str,
    institution: str | None,
    now: datetime,
    correlation_id: UUID,
    details: Mapping[str, JsonValue] | None = None,
    outcome: Literal["done", "refused"] = "done",
) -> None:
    """Write down, in the caller's transaction, that `by` did `action` to the `subject` of that id.

    `action` is a dotted verb, `dataset.revised`; `details` hold ids and names of fields, never secrets, names of
    people or values of cells. Raises `ValueError` where they are larger than 8 KiB.
    """
    kept = dict(details or {})
    if len(json.dumps(kept)) > _MAX_DETAILS:
        raise ValueError("details of an audit entry have at most 8 KiB")
    AuditEntry.objects.create(
        occurred_at=now,
        by=by,
        action=action,
        subject=subject,
        subject_id=str(subject_id)[:128],
        institution=institution,
        outcome=outcome,
        correlation_id=correlation_id,
        details=kept,
    )


def prune(*, before: datetime, now: datetime) -> int:
    """Delete the entries from before a moment at least `MINIMUM_RETENTION` ago; return how many there were."""
    if before > now - MINIMUM_RETENTION:
        raise RetentionError(f"entries are kept for {MINIMUM_RETENTION.days} days at least")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entries WHERE occurred_at < %s", [before])
        return int(cursor.rowcount)


class RetentionError(Exception):
    """Entries would be deleted before their time."""

    code = "retention_too_short"
