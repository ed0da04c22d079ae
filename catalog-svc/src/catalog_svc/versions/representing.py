"""A dataset as the REST interface showed it at a moment of the past."""

from collections.abc import Sequence
from typing import Any

from catalog_svc.datasets.models import Dataset, SearchDocument
from catalog_svc.datasets.schemas import dataset_out, described_out
from catalog_svc.versions import history
from catalog_svc.versions.asof import Moment


def representations(datasets: Sequence[Dataset], at: Moment) -> list[dict[str, Any]]:
    """Return datasets as they were, in the order given; those not registered yet are left out."""
    past = history.datasets_at(datasets, at)
    documents = history.documents_at(list(past), at)
    shown = []
    for found in datasets:
        if found.dataset_id in past:
            then, document = past[found.dataset_id], documents[found.dataset_id]
            shown.append(_shown(dataset_out(then, document), then, document, at))
    return shown


def representation(dataset: Dataset, at: Moment) -> dict[str, Any]:
    """Return a dataset as it was; raises a 404 problem where it was not registered yet."""
    past = history.dataset_at(dataset, at)
    document = history.documents_at([past.dataset_id], at)[past.dataset_id]
    return _shown(described_out(past, document), past, document, at)


def _shown(shown: dict[str, Any], past: Dataset, document: SearchDocument, at: Moment) -> dict[str, Any]:
    told = history.described_at(past.dataset_id, at) or {}
    changes = [past.registered_at, past.revised_at, document.updated_at]
    return history.shown_at(shown, told) | {"updated_at": max(moment for moment in changes if moment is not None)}
