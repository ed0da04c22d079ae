"""What is read about institutions. They are public: their names are on every dataset."""

from uuid import UUID

from django.db.models import QuerySet

from catalog_svc.institutions.models import GroupMember, Institution, Membership
from dataplatform.events.identity import is_slug
from dataplatform.problems import Problem


def institutions(after: str | None, limit: int) -> QuerySet[Institution]:
    """Return up to `limit` institutions in the order of their slugs, those after `after`."""
    found = Institution.objects.order_by("slug")
    return (found.filter(slug__gt=after) if after is not None else found)[:limit]


def institution(slug: str) -> Institution:
    """Return one institution; raises a 404 problem."""
    found = Institution.objects.filter(slug=slug).first() if is_slug(slug) else None
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such institution")
    return found


def roles_of(account_id: UUID) -> dict[str, frozenset[str]]:
    """Return the account's roles by institution slug: its own, and those that its groups hold."""
    own = Membership.objects.filter(account_id=account_id).values_list("institution_slug", "role")
    shared = GroupMember.objects.filter(account_id=account_id).exclude(group__role="")
    found: dict[str, set[str]] = {}
    for slug, role in own.union(shared.values_list("group__institution_slug", "group__role")):
        found.setdefault(slug, set()).add(role)
    return {slug: frozenset(found[slug]) for slug in sorted(found)}
