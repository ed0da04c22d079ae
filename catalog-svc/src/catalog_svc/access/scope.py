"""What a principal may see, and do to a dataset: every read of the catalog goes through `visible_to`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from catalog_svc.access.models import Grant
from catalog_svc.datasets.models import Dataset
from catalog_svc.institutions.models import GroupMember
from dataplatform.identity import ROLES, Principal
from dataplatform.problems import Problem


def visible_to(principal: Principal | None, prefix: str = "") -> Q:
    """Return the condition on datasets (and on what has the same three columns) that `principal` may see.

    Public ones for everybody, institution-wide ones for members, restricted ones for stewards and administrators, and
    any for whom it is granted to, directly or through a group, until that expires. `prefix` is the ORM path to the
    dataset, for example `dataset__`. The grants are looked up once for a statement, not once for a row.
    """
    if principal is not None and principal.admin:
        return Q()
    seen = Q(**{f"{prefix}visibility": "public"})
    if principal is None:
        return seen
    if principal.institutions:
        seen |= Q(
            **{f"{prefix}visibility": "institution", f"{prefix}institution_slug__in": _where(principal, "reader")}
        )
        seen |= Q(**{f"{prefix}institution_slug__in": _where(principal, "steward")})
    return seen | _granted_to(principal, prefix)


def member_of(principal: Principal | None) -> Q:
    """Return the condition on what belongs to an institution that only its members may see."""
    if principal is None:
        return Q(institution_slug__in=[])
    return Q() if principal.admin else Q(institution_slug__in=_where(principal, "reader"))


def may(principal: Principal, role: str, dataset: Dataset) -> bool:
    """Whether `principal` holds `role`, or a stronger one, for a dataset: at its institution or by a grant."""
    if principal.may(role, dataset.institution_slug):
        return True
    if not principal.allows(role, dataset.institution_slug):
        return False
    direct, through_groups = _grants(principal.subject)
    sufficient = Q(dataset_id=dataset.dataset_id, role__in=ROLES[ROLES.index(role) :])
    return Grant.objects.filter(sufficient & direct).exists() or (
        Grant.objects.filter(sufficient & through_groups).exists()
    )


def require(principal: Principal, role: str, dataset: Dataset) -> None:
    """Raise a 403 problem unless `principal` may; that the dataset may be seen at all was decided before."""
    if not may(principal, role, dataset):
        raise forbidden(f"this takes the role {role} for the dataset or its institution", dataset.institution_slug)


def forbidden(detail: str, institution: str | None = None) -> Problem:
    """Return the 403 problem; the audit log shows the refusal to the administrators of `institution`."""
    return Refusal("forbidden", "Forbidden", 403, detail, institution=institution)


class Refusal(Problem):
    """A problem that also says, to the audit log only, at which institution something was refused."""

    def __init__(self, *words: Any, institution: str | None) -> None:
        super().__init__(*words)
        self.institution = institution


def _granted_to(principal: Principal, prefix: str) -> Q:
    # two conditions, each a hash that is made once: as one, the groups would keep the index from being used
    held = Q()
    for holder in _grants(principal.subject):
        held |= Q(**{f"{prefix}dataset_id__in": Grant.objects.filter(holder).values("dataset_id")})
    if principal.within is not None:
        held &= Q(**{f"{prefix}institution_slug__in": sorted(principal.within)})
    return held


def _grants(account_id: UUID) -> Sequence[Q]:
    """Return the conditions on the grants that count now: the account's own, and those of its groups."""
    current = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    groups = GroupMember.objects.filter(account_id=account_id).values("group_id")
    return current & Q(account_id=account_id), current & Q(group_id__in=groups)


def _where(principal: Principal, role: str) -> list[str]:
    return sorted(slug for slug in principal.institutions if principal.may(role, slug))
