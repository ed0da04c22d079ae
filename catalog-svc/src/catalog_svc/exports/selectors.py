"""What is read of exports: by whoever asked for them, and by administrators of the platform."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from catalog_svc.exports.models import Export
from catalog_svc.exports.services import QUEUE
from dataplatform.identity import Principal
from dataplatform.log.store import decode_json
from dataplatform.problems import Problem

_PROGRESS = "SELECT dedup_key, state, progress FROM jobs WHERE queue = %s AND dedup_key = ANY (%s)"


def export(principal: Principal, export_id: UUID) -> Export:
    """Return an export that the principal asked for; raises a 404 problem."""
    found = Export.objects.filter(pk=export_id).first()
    if found is None or not (principal.admin or found.requested_by == principal.subject):
        raise Problem("not_found", "Not found", 404, "there is no such export")
    return found


def exports(principal: Principal, state: str | None) -> QuerySet[Export]:
    """Return the principal's exports, in one state or all."""
    found = Export.objects.filter(requested_by=principal.subject)
    return found if state is None else found.filter(state=state)


def running(found: Sequence[Export]) -> dict[UUID, int]:
    """Return, for those exports that are being made, how many rows are done."""
    names = [str(one.export_id) for one in found if one.state == "queued"]
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, [QUEUE, names])
        rows = cursor.fetchall()
    return {UUID(name): _rows(progress) for name, state, progress in rows if state == "running"}


def _rows(progress: Any) -> int:
    told = decode_json(progress) if progress is not None else {}
    return int(told.get("rows", 0))
