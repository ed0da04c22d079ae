"""The page of a dataset: for people, with its description for search engines in it and signposts for programs."""

import json
from itertools import islice
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import Router

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.harvesting.signposts import header, linkset, signposts
from catalog_svc.settings import settings
from catalog_svc.standards.description import describe
from catalog_svc.standards.schema_org import schema_org
from dataplatform.problems import Problem

router: Final = Router(tags=["standards"])
_LINKS: Final = 200
"""Most links in the head of a page; the link set has all."""


def landing(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Show a dataset that anybody may see."""
    try:
        dataset = selectors.dataset(None, dataset_id)
    except Problem as problem:
        raise Http404 from problem
    found = describe(None, dataset, settings().public_url)
    # `<` would end the script element early
    text = json.dumps(schema_org(found), ensure_ascii=False).replace("<", "\\u003c")
    links = list(islice(signposts(found), _LINKS))
    context = {"found": found, "links": links, "json_ld": text}
    answer = render(request, "harvesting/dataset.html", context)
    answer["Link"] = header(found)
    return answer


@router.get(
    "/datasets/{uuid:dataset_id}/linkset.json",
    summary="All links of a dataset",
    openapi_extra={
        "responses": {
            200: {
                "description": "A link set (RFC 9264)",
                "content": {"application/linkset+json": {"schema": {"type": "object"}}},
            }
        }
    },
)
def show_linkset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Return the signposts of a dataset: what it is cited as, described by, made of, and licensed under."""
    principal = principals.principal_of(request)
    found = describe(principal, selectors.dataset(principal, dataset_id), settings().public_url)
    body = json.dumps(linkset(found, signposts(found)), ensure_ascii=False, indent=2)
    return HttpResponse(body, content_type="application/linkset+json")
