"""What people do with exports: ask for one, take it back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from catalog_svc.audit import services as audit
from catalog_svc.datasets.models import Dataset, Table
from catalog_svc.exports import asking
from catalog_svc.exports.models import Export
from catalog_svc.settings import settings
from dataplatform.identity import Principal
from dataplatform.jobs import cursor as jobs
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem

QUEUE: Final = "exports"
_ATTEMPTS: Final = 3
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('exports', 0) # hashtextextended(%s, 0))"


@transaction.atomic
def ask(
    principal: Principal,
    table: Table,
    parameters: Sequence[tuple[str, list[str]]],
    shape: dict[str, Any],
    *,
    now: datetime,
    correlation_id: UUID,
) -> Export:
    """Enqueue an export of a table that the principal sees; raises a 429 problem over the quota.

    `shape`: format, compression, escape_formulas, file_name, media_type.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(principal.subject)])
        _check_quota(principal.subject, now)
        made = Export.objects.create(
            export_id=uuid4(),
            requested_by=principal.subject,
            bearer=asking.kept(principal),
            table_id=table.table_id,
            dataset_id=table.dataset_id,
            institution_slug=Dataset.objects.values_list("institution_slug", flat=True).get(pk=table.dataset_id),
            parameters=[[name, list(values)] for name, values in parameters],
            state="queued",
            row_estimate=table.row_count,
            created_at=now,
            **shape,
        )
        context = Context.begin(correlation_id)
        payload = {"export_id": str(made.export_id)}
        jobs.enqueue(cursor, QUEUE, str(made.export_id), payload, context=context, max_attempts=_ATTEMPTS)
    _audit("export.requested", made, principal, now, correlation_id, table_id=str(table.table_id), format=made.format)
    return made


@transaction.atomic
def take_back(export: Export, principal: Principal, *, now: datetime, correlation_id: UUID) -> Export:
    """Cancel an export, or revoke its file: its links end at once, the file is deleted soon. Twice is once."""
    found = Export.objects.select_for_update().get(pk=export.pk)
    if found.state not in ("queued", "ready"):
        return found
    found.state, found.ended_at = "cancelled", now
    found.save(update_fields=["state", "ended_at"])
    with connection.cursor() as cursor:
        jobs.cancel(cursor, QUEUE, str(found.export_id), "cancelled")
    _audit("export.cancelled", found, principal, now, correlation_id)
    return found


def _check_quota(subject: UUID, now: datetime) -> None:
    own, found = Export.objects.filter(requested_by=subject), settings()
    if own.filter(state="queued").count() >= found.export_active:
        detail = f"{found.export_active} exports of yours are being made; wait for one of them, or cancel it"
        raise Problem("too_many_exports", "Too many exports", 429, detail, headers={"Retry-After": "60"})
    if own.filter(created_at__gt=now - timedelta(days=1)).count() >= found.export_daily:
        detail = f"you asked for {found.export_daily} exports within a day, which is all that one may"
        raise Problem("too_many_exports", "Too many exports", 429, detail, headers={"Retry-After": "3600"})


def _audit(
    action: str, export: Export, principal: Principal, now: datetime, correlation_id: UUID, **details: Any
) -> None:
    audit.record(
        by=principal.subject, action=action, subject="export", subject_id=export.export_id,
        institution=export.institution_slug, now=now, correlation_id=correlation_id, details=details,
    )  # fmt: skip
