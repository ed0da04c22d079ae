"""What harvesters are told of: datasets that everybody may see, and those that everybody could see once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog_svc.access.scope import visible_to
from catalog_svc.datasets.models import SearchDocument, Version
from catalog_svc.harvesting.models import OncePublic

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records: of an institution, changed from the second `since` to the second `until`, both included."""

    institution: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A dataset to harvest. `gone`: it is not public any more, or all of its versions were withdrawn or erased."""

    dataset_id: UUID
    institution: str
    changed_at: datetime
    gone: bool


def records(selection: Selection, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Record]:
    """Return records in the order of their change, those after `after` (its time and id)."""
    found = _selected(selection)
    if after is not None:
        moment, last = after
        found = found.filter(Q(updated_at__gt=moment) | Q(updated_at=moment, dataset_id__gt=last))
    return [_record(row) for row in found.order_by("updated_at", "dataset_id")[:limit]]


def count(selection: Selection) -> int:
    """Return how many records there are."""
    return _selected(selection).count()


def record(dataset_id: UUID) -> Record | None:
    """Return one record; None where nobody outside ever saw the dataset."""
    found = _known().filter(pk=dataset_id).first()
    return None if found is None else _record(found)


def earliest() -> datetime | None:
    """Return a time before which no record changed."""
    return _known().order_by("updated_at").values_list("updated_at", flat=True).first()


def _known() -> QuerySet[SearchDocument]:
    once = Exists(OncePublic.objects.filter(pk=OuterRef("dataset_id")))
    return (
        SearchDocument.objects.filter(visible_to(None) | once)
        .only("dataset_id", "institution_slug", "visibility", "version_count", "updated_at")
        .annotate(was_published=Exists(Version.objects.filter(dataset_id=OuterRef("dataset_id"))))
    )


def _selected(selection: Selection) -> QuerySet[SearchDocument]:
    found = _known()
    if selection.institution is not None:
        found = found.filter(institution_slug=selection.institution)
    if selection.since is not None:
        found = found.filter(updated_at__gte=selection.since)
    if selection.until is not None:
        found = found.filter(updated_at__lt=selection.until + SECOND)
    return found


def _record(row: SearchDocument) -> Record:
    emptied = row.version_count == 0 and bool(getattr(row, "was_published"))  # noqa: B009 - annotated
    return Record(row.dataset_id, row.institution_slug, row.updated_at, row.visibility != "public" or emptied)
