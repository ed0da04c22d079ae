"""A dataset as the REST interface showed it at a moment of the past."""

from collections.abc import Sequence
from typing import Any

from catalog_svc.datasets.models import Dataset
from catalog_svc.datasets.schemas import dataset_out
from catalog_svc.versions import history
from catalog_svc.versions.asof import Moment


def representations(datasets: Sequence[Dataset], at: Moment) -> list[dict[str, Any]]:
    """Return datasets as they were, in the order given; those not registered yet are left out."""
    past = history.datasets_at(datasets, at)
    documents = history.documents_at(list(past), at)
    return [_shown(past[found.dataset_id], documents, at) for found in datasets if found.dataset_id in past]


def representation(dataset: Dataset, at: Moment) -> dict[str, Any]:
    """Return a dataset as it was; raises a 404 problem where it was not registered yet."""
    past = history.dataset_at(dataset, at)
    return _shown(past, history.documents_at([past.dataset_id], at), at)


def _shown(past: Dataset, documents: dict[Any, Any], at: Moment) -> dict[str, Any]:
    document = documents[past.dataset_id]
    told = history.described_at(past.dataset_id, at) or {}
    changes = [past.registered_at, past.revised_at, document.updated_at]
    document.updated_at = max(moment for moment in changes if moment is not None)
    return history.shown_at(dataset_out(past, document), told)
