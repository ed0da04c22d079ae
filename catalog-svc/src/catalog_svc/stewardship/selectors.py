"""What is read of what stewards said. Those who call it have found the dataset visible."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from catalog_svc.stewardship.models import Attribution, ColumnMeaning, DatasetDetails


def details(dataset_id: UUID) -> DatasetDetails:
    """Return what a description says beyond the dataset's own row; an empty one where nobody said anything."""
    found = DatasetDetails.objects.filter(pk=dataset_id).first()
    return found or DatasetDetails(dataset_id=dataset_id, languages=[], themes=[])


def details_of(dataset_ids: Sequence[UUID]) -> Mapping[UUID, DatasetDetails]:
    """Return the details of several datasets, of those that have any."""
    return {found.dataset_id: found for found in DatasetDetails.objects.filter(pk__in=dataset_ids)}


def attribution(dataset_id: UUID) -> Attribution:
    """Return who made a dataset and whom to ask; an empty one where nobody said so."""
    return Attribution.objects.filter(pk=dataset_id).first() or Attribution(dataset_id=dataset_id, creators=[])


def meanings_of(dataset_id: UUID, table: str) -> Mapping[str, str]:
    """Return what the columns of a table of a dataset mean, by their names, where somebody said so."""
    found = ColumnMeaning.objects.filter(dataset_id=dataset_id, table_name=table)
    return dict(found.values_list("column_name", "description"))


def meanings(dataset_id: UUID) -> Mapping[str, Mapping[str, str]]:
    """Return what the columns of a dataset mean, by the names of table and column."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for meaning in ColumnMeaning.objects.filter(dataset_id=dataset_id).order_by("table_name", "column_name"):
        found[meaning.table_name][meaning.column_name] = meaning.description
    return found
