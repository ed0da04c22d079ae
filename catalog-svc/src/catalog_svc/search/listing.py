"""The list of datasets as a list like all others: conditions on its fields, its order where one is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.db.models.expressions import RawSQL

from catalog_svc.datasets.models import ListedDataset
from catalog_svc.datasets.schemas import DatasetOut
from catalog_svc.listing import Asked, Field, Listing, code, codes, integer, moment, text, unique
from catalog_svc.listing.asking import foreign
from catalog_svc.listing.conditions import Condition as Comparison
from catalog_svc.listing.queries import condition_of, filtered
from catalog_svc.paging import decode, encode
from catalog_svc.search.database import Condition, all_of, compiled

_DOCUMENT: Final = "document__"
_DIGEST: Final = 12

DATASETS: Final = Listing(
    "datasets",
    DatasetOut,
    (
        moment("updated_at", "document__updated_at"),
        unique("dataset_id", "document__dataset_id"),
        text("institution", "document__institution_slug"),
        text("slug"),
        text("title"),
        text("description"),
        text("licence", optional=True),
        codes("tags"),
        code("visibility", "document__visibility"),
        code("publication"),
        moment("registered_at"),
        moment("revised_at", optional=True),
        integer("version_count", "document__version_count"),
        unique("version_id", "document__version_id", optional=True),
    ),
    order=["-updated_at"],
    key="dataset_id",
    parameters=["q", "format", "tag", "quality", "suitability", "semantic", "frequency", "size", "freshness", "facets",
                "facet_size", "total", "highlight", "institution", "licence"],
)  # fmt: skip


def narrowing(asked: Asked) -> Condition:
    """Return the conditions of a request as one on search documents."""
    on_documents = [found for found in asked.conditions if found.field.column.startswith(_DOCUMENT)]
    others = [found for found in asked.conditions if found not in on_documents]
    own = all_of(*(compiled(condition_of(replace(found, field=_inner(found)))) for found in on_documents))
    if not others:
        return own
    return all_of(own, compiled(Q(pk__in=filtered(ListedDataset.objects.all(), others).values("pk"))))


def sorted_page(
    asked: Asked, found: Condition, cursor: str | None, limit: int, scope: str
) -> tuple[Sequence[UUID], str | None]:
    """Return the ids of a page of the datasets whose search documents meet a condition, in the order asked for."""
    sql, values = found
    rows = ListedDataset.objects.select_related("document").defer("description", "document__words", "document__marks")
    chosen = rows.filter(pk__in=RawSQL(f"SELECT dataset_id FROM search_documents WHERE {sql}", values))  # noqa: S611 - SQL of ours, values apart
    page = replace(asked, conditions=()).page(chosen, cursor, limit, scope=scope)
    return [row.pk for row in page.rows], page.next


def _inner(found: Comparison) -> Field:
    return replace(found.field, path=found.field.column.removeprefix(_DOCUMENT))


def scope_of(asked: Asked, *said: Any) -> str:
    """Return what a cursor of the list belongs to: everything asked for but the page."""
    conditions = [(found.field.name, found.operator, str(found.value)) for found in asked.conditions]
    return sha256(repr((conditions, said)).encode()).hexdigest()[:_DIGEST]


def bound(place: str | None, scope: str) -> str | None:
    """Return the cursor of a place in a search, which belongs to what was asked."""
    return None if place is None else encode([scope, place])


def unbound(cursor: str | None, scope: str) -> str | None:
    """Return the place of a cursor; raises a 422 problem for one of another search."""
    key = decode(cursor, str, str)
    if key is not None and key[0] != scope:
        raise foreign()
    return None if key is None else key[1]
