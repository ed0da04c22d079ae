"""The start page: what is here, and where everything else is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog_svc import clock
from catalog_svc.datasets import selectors
from catalog_svc.search import finding
from catalog_svc.search.facets import Choices
from dataplatform.problems import Problem

SHOWN = 50


def start(request: HttpRequest) -> HttpResponse:
    """Show what changed last, of what everybody may see; `?q=` searches."""
    words = request.GET.get("q", "").replace("\x00", "")[:1000].strip()
    try:
        ids = finding.find(None, finding.Request(words, Choices({}, clock.now()), SHOWN)).ids
    except Problem:  # too many words: nothing has them all
        ids = []
    documents = selectors.documents(ids)
    datasets = selectors.by_id(None, ids)
    numbers = selectors.latest_numbers(ids)
    shown = [
        {"dataset": datasets[name], "number": numbers.get(name), "updated_at": documents[name].updated_at}
        for name in ids
        if name in datasets and name in documents
    ]
    return render(request, "pages/start.html", {"words": words, "shown": shown, "limit": SHOWN})
