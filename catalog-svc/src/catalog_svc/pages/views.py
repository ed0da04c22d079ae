"""The start page: what is here, and where everything else is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog_svc.datasets import selectors

SHOWN = 50


def start(request: HttpRequest) -> HttpResponse:
    """Show what changed last, of what everybody may see; `?q=` searches."""
    words = request.GET.get("q", "").replace("\x00", "")[:1000].strip()
    if words:
        documents = [document for _, document in selectors.search(None, words, None, None, SHOWN)]
    else:
        documents = list(selectors.recent(None, None, None, SHOWN))
    ids = [document.dataset_id for document in documents]
    datasets = selectors.by_id(None, ids)
    numbers = selectors.latest_numbers(ids)
    shown = [
        {"dataset": datasets[name], "number": numbers.get(name), "updated_at": document.updated_at}
        for name, document in zip(ids, documents, strict=True)
        if name in datasets
    ]
    return render(request, "pages/start.html", {"words": words, "shown": shown, "limit": SHOWN})
