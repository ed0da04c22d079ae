"""What a principal may see: one function that every read of the catalog goes through."""

from django.db.models import Q

from dataplatform.identity import Principal


def visible_to(principal: Principal | None, prefix: str = "") -> Q:
    """Return the condition on datasets (and on what has the same two columns) that `principal` may see.

    Public ones for everybody, institution-wide ones for members, restricted ones for stewards and administrators.
    `prefix` is the ORM path to the dataset, for example `dataset__`.
    """
    if principal is not None and principal.admin:
        return Q()
    seen = Q(**{f"{prefix}visibility": "public"})
    if principal is not None and principal.institutions:
        seen |= Q(
            **{f"{prefix}visibility": "institution", f"{prefix}institution_slug__in": _where(principal, "reader")}
        )
        seen |= Q(**{f"{prefix}institution_slug__in": _where(principal, "steward")})
    return seen


def member_of(principal: Principal | None) -> Q:
    """Return the condition on what belongs to an institution that only its members may see."""
    if principal is None:
        return Q(institution_slug__in=[])
    return Q() if principal.admin else Q(institution_slug__in=_where(principal, "reader"))


def _where(principal: Principal, role: str) -> list[str]:
    return sorted(slug for slug in principal.institutions if principal.may(role, slug))
