"""What is read about institutions. They are public: their names are on every dataset."""

from django.db.models import QuerySet

from catalog_svc.institutions.models import Institution
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
