"""What is read of the audit log: an institution's administrators read theirs, the platform's read all."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from catalog_svc.access.scope import forbidden
from catalog_svc.audit.models import AuditEntry
from dataplatform.identity import Principal


def entries(principal: Principal) -> QuerySet[AuditEntry]:
    """Return the entries that the principal may read; raises 403 for who administers nothing."""
    if principal.admin:
        return AuditEntry.objects.all()
    administered = [slug for slug in principal.institutions if principal.may("administrator", slug)]
    if not administered:
        raise forbidden("only administrators of an institution, or of the platform, read the audit log")
    return AuditEntry.objects.filter(Q(institution__in=sorted(administered)))


def in_batches(rows: QuerySet[AuditEntry], size: int = 1_000) -> Iterator[list[AuditEntry]]:
    """Return rows, oldest first, in batches: a query each, so that nothing is held while the reader is slow."""
    last = 0
    while batch := list(rows.filter(id__gt=last).order_by("id")[:size]):
        yield batch
        last = batch[-1].pk
