"""What was served at a moment of the past: folded from the events of a dataset, so it is rebuilt when they are.

Who may see it is decided by today's rights, and what was erased stays erased: a tombstone at every moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from catalog_svc.datasets.models import Dataset, SearchDocument, Upload, Version
from catalog_svc.versions.asof import Moment
from catalog_svc.versions.models import IndexedEvent
from dataplatform.events.catalog import (
    ContractDefined,
    DatasetRegistered,
    DatasetRevised,
    VersionErased,
    VersionPublished,
    VersionRestored,
    VersionWithdrawn,
)
from dataplatform.problems import Problem

T = TypeVar("T")
_DESCRIBED: Final = (DatasetRegistered.type, DatasetRevised.type, ContractDefined.type)
_CHANGED: Final = (VersionWithdrawn.type, VersionRestored.type, VersionErased.type)
_BEFORE_ANY: Final[Mapping[str, Any]] = {"description": "", "tags": [], "publication": "automatic"}
_LISTS: Final = frozenset({"tags", "languages", "themes"})
DESCRIPTION: Final = frozenset(DatasetRevised.model_fields) - {"dataset_id", "revised_at", "cleared", "kept_apart"}
"""The fields of a description that events tell, and that are shown as they were."""


def described_at(dataset_id: UUID, moment: Moment) -> dict[str, Any] | None:
    """Return the description of a dataset at a moment, by field; None where it was not registered yet."""
    return _fold(_events([dataset_id], _DESCRIBED, moment)).get(dataset_id)


def datasets_at(datasets: Iterable[Dataset], moment: Moment) -> dict[UUID, Dataset]:
    """Return datasets, by id, with the description that they had; those not registered yet are left out."""
    known = {dataset.dataset_id: dataset for dataset in datasets}
    told = _fold(_events(known, _DESCRIBED, moment))
    return {dataset_id: _as_told(known[dataset_id], said) for dataset_id, said in told.items()}


def dataset_at(dataset: Dataset, moment: Moment) -> Dataset:
    """Return a dataset with the description that it had; raises a 404 problem where it was not registered yet."""
    found = datasets_at([dataset], moment).get(dataset.dataset_id)
    if found is None:
        raise _not_there("dataset")
    return found


def shown_at(shown: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dataset's representation with the fields of `DESCRIPTION` that it has as they were."""
    details = shown.get("details")
    past = {**_past(shown, told), "revised_at": told.get("revised_at")}
    return {**shown, **past, **({"details": {**details, **_past(details, told)}} if details else {})}


def told_of(row: T, dataset_id: UUID, moment: Moment) -> T:
    """Return a copy of any row of a dataset with those fields of the description that it has as they were."""
    return _with(row, described_at(dataset_id, moment) or {})


def versions_at(versions: Iterable[Version], moment: Moment) -> list[Version]:
    """Return versions of one or several datasets as they were; those not published yet are left out."""
    counts = _published_counts(moment)
    known = [version for version in versions if _published(version, moment, counts)]
    datasets = {version.dataset_id for version in known}
    found = {version.version_id: _served(version) for version in known}
    for event in _events(datasets, _CHANGED, moment):
        data = event.data
        version = found.get(UUID(data["version_id"]))
        if version is not None and version.erased_at is None:
            _change(version, event, data)
    return list(found.values())


def version_at(version: Version, moment: Moment) -> Version:
    """Return a version as it was; raises a 404 problem where it was not published yet."""
    found = versions_at([version], moment)
    if not found:
        raise _not_there("version")
    return found[0]


def documents_at(dataset_ids: Sequence[UUID], moment: Moment) -> dict[UUID, SearchDocument]:
    """Return what lists show of datasets beside their description, as it was; unsaved rows.

    The version that was served is found as `projections.search` finds it: not withdrawn, of the latest upload.
    """
    wanted = set(dataset_ids)
    versions = versions_at(Version.objects.filter(dataset_id__in=wanted).defer("measures", "suitability"), moment)
    served = [version for version in versions if version.withdrawn_at is None]
    ids = {version.upload_id for version in served}
    received = dict(Upload.objects.filter(pk__in=ids).values_list("upload_id", "received_at"))
    found: dict[UUID, SearchDocument] = {}
    for dataset_id in wanted:
        own = [version for version in versions if version.dataset_id == dataset_id]
        current = [version for version in own if version.withdrawn_at is None]
        head = max(current, key=lambda version: _rank(version, received), default=None)
        document = SearchDocument(
            dataset_id=dataset_id, version_id=head.version_id if head else None, version_count=len(current)
        )
        if own:
            document.updated_at = max(map(_last, own))
        found[dataset_id] = document
    return found


def _past(shown: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told.get(name, [] if name in _LISTS else None) for name in DESCRIPTION if name in shown}


def _rank(version: Version, received: Mapping[UUID, datetime]) -> tuple[bool, float, int]:
    at = received.get(version.upload_id)
    return at is not None, at.timestamp() if at else 0.0, version.number


def _last(version: Version) -> datetime:
    return max(version.published_at, version.withdrawn_at or version.published_at)


def _events(keys: Iterable[UUID], types: Sequence[str], moment: Moment) -> list[IndexedEvent]:
    """Return the events of datasets up to a moment, each dataset's own in the order of their stream."""
    found = IndexedEvent.objects.filter(key__in=list(keys), type__in=types)
    if moment.stream is None:
        found = found.filter(time__lte=moment.time)
    return [event for event in found.order_by("key", "version") if moment.reached(event)]


def _published(version: Version, moment: Moment, counts: Mapping[UUID, int]) -> bool:
    """Whether a version was published: by its number in the stream of a chosen event, else by its time."""
    if version.dataset_id in counts:
        return version.number <= counts[version.dataset_id]
    return version.published_at <= moment.time


def _published_counts(moment: Moment) -> dict[UUID, int]:
    """Return how many versions the dataset of a chosen event had published; numbers count them in their stream."""
    noun, _, name = (moment.stream or "").partition(":")
    if noun != "dataset":
        return {}
    own = IndexedEvent.objects.filter(key=UUID(name), type=VersionPublished.type, version__lte=moment.version)
    return {UUID(name): own.count()}


def _fold(events: Iterable[IndexedEvent]) -> dict[UUID, dict[str, Any]]:
    told: dict[UUID, dict[str, Any]] = {}
    for event in events:
        data = event.data
        if event.type == DatasetRegistered.type:
            told[event.key] = {**_BEFORE_ANY, "title": data["title"], "visibility": data.get("visibility", "public")}
        elif event.key in told:
            said = told[event.key]
            said.update((name, value) for name, value in data.items() if name != "dataset_id")
            said.update((name, _BEFORE_ANY.get(name)) for name in data.get("cleared", ()))
    return told


def _with(row: T, told: Mapping[str, Any]) -> T:
    found = copy(row)
    for name in DESCRIPTION | {"contract"}:
        if hasattr(found, name):
            setattr(found, name, told.get(name, [] if name in _LISTS else None))
    return found


def _as_told(dataset: Dataset, told: Mapping[str, Any]) -> Dataset:
    found = _with(dataset, told)
    found.revised_at = datetime.fromisoformat(told["revised_at"]) if "revised_at" in told else None
    return found


def _served(version: Version) -> Version:
    """Return a version as it was when it was published; an erased one stays what it is."""
    found = copy(version)
    if found.erased_at is None:
        found.withdrawn_at = found.withdrawn_reason = found.withdrawn_detail = None
    return found


def _change(version: Version, event: IndexedEvent, data: Mapping[str, Any]) -> None:
    if event.type == VersionWithdrawn.type:
        version.withdrawn_at = datetime.fromisoformat(data["withdrawn_at"])
        version.withdrawn_reason, version.withdrawn_detail = data["reason_code"], data.get("detail", "")
    elif event.type == VersionRestored.type:
        version.withdrawn_at = version.withdrawn_reason = version.withdrawn_detail = None


def _not_there(what: str) -> Problem:
    # the same words as for what never was
    return Problem("not_found", "Not found", 404, f"there is no such {what}")
