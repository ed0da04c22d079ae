"""Who sees little of a catalog should not pay for all of it: the index narrows what `visible_to` then decides."""

from typing import Any, Final

from django.db.models import Q

from catalog_svc.access.models import Grant
from catalog_svc.institutions.models import GroupMember
from catalog_svc.projections.search import SAMPLE_LEVELS
from catalog_svc.search.counting import sample
from catalog_svc.search.database import Condition, all_of, nothing_seen
from dataplatform.identity import Principal

_MOST_GRANTS: Final = 1_000
_FINER: Final = 3
_LITTLE: Final = 8


def narrowed(cursor: Any, principal: Principal | None, seen: Condition, level: int) -> Condition:
    """Return `seen`, with what the index knows of it where the principal sees less than an eighth of the catalog.

    `level`: of the whole catalog's sample. The condition alone decides; what is added never hides what it shows.
    """
    if level == 0 or nothing_seen(principal):
        return seen
    sql, values = seen
    cursor.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {sql}) FROM search_documents WHERE marks @> %s::text[]",
        [*values, sample(min(level + _FINER, SAMPLE_LEVELS))],
    )
    total, visible = cursor.fetchone()
    if visible * _LITTLE >= total:
        return seen
    granted = _granted(principal)
    if len(granted) > _MOST_GRANTS:
        return seen
    return all_of(seen, ("marks && %s::text[] OR dataset_id = ANY (%s)", [_scopes(principal), granted]))


def _scopes(principal: Principal | None) -> list[str]:
    slugs = sorted(principal.institutions) if principal else []
    return ["scope=public", *(f"scope={kind}/{slug}" for slug in slugs for kind in ("institution", "restricted"))]


def _granted(principal: Principal | None) -> list[Any]:
    if principal is None:
        return []
    groups = GroupMember.objects.filter(account_id=principal.subject).values("group_id")
    grants = Grant.objects.filter(Q(account_id=principal.subject) | Q(group_id__in=groups))
    return list(grants.values_list("dataset_id", flat=True).distinct()[: _MOST_GRANTS + 1])
