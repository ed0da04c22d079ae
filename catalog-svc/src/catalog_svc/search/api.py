"""REST: the list of datasets, which is a search; suggestions while somebody types."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.schemas import dataset_out
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.search import facets, finding, suggesting
from catalog_svc.search.listing import DATASETS, bound, narrowing, scope_of, sorted_page, unbound
from catalog_svc.search.schemas import DatasetPage, Suggestion
from catalog_svc.versions import asof
from catalog_svc.versions.asof import Moment
from catalog_svc.versions.representing import representations
from dataplatform.identity import Principal

router = Router()

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Values = Annotated[list[Text], Field(max_length=50)]
Words = Annotated[
    str | None,
    Query(
        max_length=1000,
        pattern=r"^[^\x00]*$",
        description='Words to find; "a phrase", `begin*`, `or`, `-not` work too',
        example='"air quality" vienna -noise',
    ),
]


class FacetFilters(Schema):
    """What to choose, by facet: several values of one widen, several facets narrow."""

    institution: Values = Field(default=[])
    format: Values = Field(default=[])
    tag: Values = Field(default=[])
    licence: Values = Field(default=[])
    quality: Values = Field(default=[], description="excellent, good, fair, poor")
    suitability: Values = Field(
        default=[], description="`task:verdict`", json_schema_extra={"example": ["regression:suitable"]}
    )
    semantic: Values = Field(
        default=[], description="A semantic type that some column has", json_schema_extra={"example": ["country"]}
    )
    frequency: Values = Field(default=[])
    size: Values = Field(default=[], description="Rows: under_1k, 1k_to_100k, 100k_to_1m, 1m_to_100m, over_100m")
    freshness: Values = Field(default=[], description=f"Changed within: {', '.join(facets.AGES)}")


class Asking(FacetFilters):
    """What to choose, and what to tell besides the datasets."""

    facets: str | None = Field(
        default=None,
        max_length=200,
        description=f"Facets to count, by commas: {', '.join(facets.FACETS)}; or `all`",
        json_schema_extra={"example": "format,tag"},
    )
    facet_size: int = Field(default=10, ge=1, le=100, description="Most values of a facet")
    total: bool = Field(default=False, description="How many there are on all pages")
    highlight: bool = Field(default=False, description="Where the words are")


@router.get(
    "/datasets",
    response=DatasetPage,
    exclude_unset=True,
    tags=["datasets"],
    summary="List or search datasets",
    openapi_extra=DATASETS.described("search_too_long", "invalid_request", "invalid_as_of"),
)
def list_datasets(
    request: HttpRequest,
    asking: Query[Asking],
    q: Words = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> object:
    """Return datasets, unless `sort` says more what changed last first; with `q` what has all its words, best first.

    `as_of` shows each as it was, in today's order; those that were not there yet are left out of their page.
    """
    asked = DATASETS.asked(request)
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    chosen = {name: values for name in facets.FACETS if (values := getattr(asking, name))}
    wanted = facets.named(asking.facets)
    by_now = (q and q.strip()) or wanted or asked.conditions or "sort" in request.GET
    if at is not None and (by_now or chosen.keys() - {"institution"}):
        raise asof.invalid("a search finds what is there now; leave out `q`, facets, filters and `sort`")
    scope = scope_of(asked, q or "", chosen)
    in_order, place = None, None
    if "sort" in request.GET:
        in_order = partial(sorted_page, asked, cursor=cursor, limit=limit, scope=scope)
    else:
        place = unbound(cursor, scope)
    answer = finding.find(
        principal,
        finding.Request(
            typed=q or "",
            choices=facets.Choices(chosen, clock.now()),
            limit=limit,
            cursor=place if in_order is None else None,
            facets=wanted,
            facet_size=asking.facet_size,
            total=asking.total,
            highlight=asking.highlight,
            narrowed=narrowing(asked),
            in_order=in_order,
        ),
    )
    following = answer.next if in_order is not None else bound(answer.next, scope)
    told = {"items": represented(principal, answer.ids, at), "next": following, **_besides(answer)}
    return told if asked.fields is None else JsonResponse(_cut(told, set(asked.fields)))


def _besides(answer: finding.Answer) -> dict[str, Any]:
    found = {
        "total": answer.total,
        "facets": answer.facets,
        "highlights": None if answer.highlights is None else {str(key): on for key, on in answer.highlights.items()},
        "corrections": answer.corrections or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def represented(principal: Principal | None, ids: Sequence[UUID], at: Moment | None = None) -> list[dict[str, Any]]:
    """Return the representations of datasets, in this order, those that the principal may see."""
    datasets = selectors.by_id(principal, ids)
    shown = [datasets[dataset_id] for dataset_id in ids if dataset_id in datasets]
    if at is not None:
        return representations(shown, at)
    documents = selectors.documents(ids)
    return [dataset_out(dataset, documents.get(dataset.dataset_id)) for dataset in shown]


def _cut(told: dict[str, Any], fields: set[str]) -> Any:
    """Return the answer with only these fields of a dataset."""
    whole = DatasetPage.model_validate(told).model_dump(mode="json", exclude_unset=True)
    whole["items"] = [{name: value for name, value in item.items() if name in fields} for item in whole["items"]]
    return whole


@router.get("/search/suggest", response=Page[Suggestion], tags=["search"], summary="Suggest how a search may go on")
def suggest(
    request: HttpRequest,
    q: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$", example="air pol")],
    limit: Annotated[int, Query(ge=1, le=20)] = 8,
) -> object:
    """Return words that go on from what was typed so far, frequent ones first, then datasets that it may mean.

    All of it is from datasets that the caller may see. There is one page. Problems: `invalid_request`.
    """
    return {"items": suggesting.suggest(principals.principal_of(request), q, limit), "next": None}
