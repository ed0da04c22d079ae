"""What is read about datasets. Everything here takes the principal and shows only what it may see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog_svc.access.scope import member_of, visible_to
from catalog_svc.datasets.models import (
    Alert,
    Assessment,
    Dataset,
    Examination,
    Run,
    SearchDocument,
    Table,
    Upload,
    UploadState,
    Version,
)
from catalog_svc.versions import history, tombstones
from catalog_svc.versions.asof import Moment
from dataplatform.events.identity import is_slug
from dataplatform.identity import Principal
from dataplatform.problems import Problem


def _not_found(what: str) -> Problem:
    # the same words for what is not there and for what the caller may not see
    return Problem("not_found", "Not found", 404, f"there is no such {what}")


def datasets(principal: Principal | None) -> QuerySet[Dataset]:
    """Return the datasets that the principal may see."""
    return Dataset.objects.filter(visible_to(principal))


def dataset(principal: Principal | None, dataset_id: UUID) -> Dataset:
    """Return one dataset; raises a 404 problem."""
    found = datasets(principal).filter(pk=dataset_id).first()
    if found is None:
        raise _not_found("dataset")
    return found


def dataset_named(principal: Principal | None, institution: str, slug: str) -> Dataset:
    """Return one dataset by its names; raises a 404 problem."""
    names_one = is_slug(institution) and is_slug(slug)
    found = datasets(principal).filter(institution_slug=institution, slug=slug).first() if names_one else None
    if found is None:
        raise _not_found("dataset")
    return found


def recent(
    principal: Principal | None, institution: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[SearchDocument]:
    """Return search documents, what changed last first, those after `after` (updated_at, dataset_id)."""
    found = SearchDocument.objects.filter(visible_to(principal)).defer("words")
    if institution is not None:
        found = found.filter(institution_slug=institution)
    if after is not None:
        moment, last = after
        found = found.filter(Q(updated_at__lt=moment) | Q(updated_at=moment, dataset_id__lt=last))
    return list(found.order_by("-updated_at", "-dataset_id")[:limit])


def by_id(principal: Principal | None, ids: Sequence[UUID]) -> dict[UUID, Dataset]:
    """Return datasets by id, those that the principal may see."""
    return {found.dataset_id: found for found in datasets(principal).filter(pk__in=ids)}


def documents(ids: Sequence[UUID], at: Moment | None = None) -> dict[UUID, SearchDocument]:
    """Return search documents by dataset, `at` a moment of the past without what is only searched."""
    if at is not None:
        return history.documents_at(ids, at)
    return {found.dataset_id: found for found in SearchDocument.objects.filter(pk__in=ids).defer("words")}


def versions(principal: Principal | None, dataset_id: UUID) -> QuerySet[Version]:
    """Return the published versions of a dataset, withdrawn ones too (they say so); raises a 404 problem."""
    dataset(principal, dataset_id)
    return Version.objects.filter(dataset_id=dataset_id)


def version(principal: Principal | None, version_id: UUID, at: Moment | None = None) -> Version:
    """Return one version as it is, or was `at` a moment, withdrawn or erased or not; raises a 404 problem."""
    found = _visible_versions(principal).filter(pk=version_id).first()
    if found is None:
        raise _not_found("version")
    return found if at is None else history.version_at(found, at)


def served_version(principal: Principal | None, version_id: UUID, at: Moment | None = None) -> Version:
    """Return a version whose data may be read; raises 404, and 410 for one that was withdrawn or erased.

    `at` a moment of the past it has to have been served then, and now as well: what was taken back stays closed.
    """
    found = version(principal, version_id)
    for state in (found, found if at is None else history.version_at(found, at)):
        if state.erased_at is not None:
            raise tombstones.tombstone(state)
        if state.withdrawn_at is not None:
            raise tombstones.withdrawn(state)
    return found


def _visible_versions(principal: Principal | None) -> QuerySet[Version]:
    return Version.objects.filter(dataset_id__in=datasets(principal).values("dataset_id"))


def tables(version_id: UUID, after: int | None, limit: int) -> Sequence[Table]:
    """Return the tables of a version that the caller has found visible."""
    found = Table.objects.filter(run_id=version_id)
    if after is not None:
        found = found.filter(index__gt=after)
    return list(found.order_by("index", "table_id")[:limit])


def table(principal: Principal | None, table_id: UUID, at: Moment | None = None) -> Table:
    """Return one table of a version that is served; raises 404, and 410 for a withdrawn or erased version."""
    found = Table.objects.filter(pk=table_id).first()
    if found is None:
        raise _not_found("table")
    try:
        served_version(principal, found.run_id, at)
    except Problem as problem:
        raise problem if problem.status == 410 else _not_found("table") from None  # noqa: PLR2004
    return found


def first_table(principal: Principal | None, dataset_id: UUID, at: Moment | None = None) -> Table:
    """Return the first table of the version that a dataset serves, or served `at` a moment.

    Raises a 404 problem, and 410 where that version was taken back since.
    """
    dataset(principal, dataset_id)
    document = documents([dataset_id], at).get(dataset_id)
    served = document.version_id if document else None
    if served is not None:
        served_version(principal, served, at)
    found = next(iter(tables(served, None, 1)), None) if served else None
    if found is None:
        raise _not_found("table")
    return found


def assessment(version_id: UUID) -> Assessment:
    """Return the assessment of a version that the caller has found visible; raises a 404 problem."""
    found = Assessment.objects.filter(run_id=version_id, status="completed").first()
    if found is None:
        raise _not_found("assessment")
    return found


def examinations(version_ids: Sequence[UUID]) -> dict[UUID, Examination]:
    """Return the examinations of versions that the caller has found visible, by version."""
    return {found.run_id: found for found in Examination.objects.filter(pk__in=version_ids)}


def examination(version_id: UUID) -> Examination:
    """Return the completed examination of a version that the caller has found visible; raises a 404 problem."""
    found = Examination.objects.filter(pk=version_id, document__isnull=False).first()
    if found is None:
        raise _not_found("examination")
    return found


def alerts(principal: Principal | None, dataset_id: UUID, states: Sequence[str]) -> QuerySet[Alert]:
    """Return the alerts of a dataset in one of `states`; raises a 404 problem."""
    dataset(principal, dataset_id)
    return Alert.objects.filter(dataset_id=dataset_id, state__in=states)


def alert(principal: Principal | None, alert_id: UUID) -> tuple[Alert, Dataset]:
    """Return one alert of a dataset that the principal may see, and that dataset; raises a 404 problem."""
    found = Alert.objects.filter(pk=alert_id).first()
    seen = datasets(principal).filter(pk=found.dataset_id).first() if found else None
    if found is None or seen is None:
        raise _not_found("alert")
    return found, seen


def report(version_id: UUID) -> Any:
    """Return the reference to the report on a version that the caller has found visible; raises a 404 problem."""
    found = Run.objects.filter(pk=version_id).values_list("report", flat=True).first()
    if found is None:
        raise _not_found("report")
    return found


def file_name(version: Version) -> str:
    """Return what the original of a version was called by its uploader."""
    upload = Upload.objects.filter(pk=version.upload_id).first()
    return upload.file_name if upload else f"original.{version.format}"


def upload(principal: Principal | None, upload_id: UUID) -> UploadState:
    """Return where an upload is; for whoever sees its dataset, and for members of its institution."""
    found = _visible_uploads(principal).filter(pk=upload_id).first()
    if found is None:
        raise _not_found("upload")
    return found


def uploads(principal: Principal | None, dataset_id: UUID) -> QuerySet[UploadState]:
    """Return the uploads of a dataset and where each is; raises a 404 problem."""
    dataset(principal, dataset_id)
    return _visible_uploads(principal).filter(dataset_id=dataset_id)


def _visible_uploads(principal: Principal | None) -> QuerySet[UploadState]:
    return UploadState.objects.filter(member_of(principal) | Q(dataset_id__in=datasets(principal).values("dataset_id")))


def latest_numbers(ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of the version that each dataset serves."""
    served = SearchDocument.objects.filter(pk__in=ids).annotate(
        number=Subquery(Version.objects.filter(pk=OuterRef("version_id")).values("number")[:1])
    )
    return {row["dataset_id"]: row["number"] for row in served.values("dataset_id", "number") if row["number"]}
