"""What the REST interface tells about datasets: representations, and how they are made of rows."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from catalog_svc.datasets.models import Alert, Dataset, Examination, SearchDocument, Table, UploadState, Version
from catalog_svc.stewardship.details import DetailsOut, details_out
from catalog_svc.stewardship.selectors import attribution, details
from dataplatform.events.base import Column, Measure, ObjectRef, Origin, Unextracted
from dataplatform.events.catalog import Publication
from dataplatform.events.quality import AnomalyCount, Suitability

Visibility = Literal["public", "institution", "restricted"]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*$")]
PlainText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class DatasetOut(Schema):
    """A dataset."""

    dataset_id: UUID
    institution: str
    slug: str
    title: str
    description: str
    licence: str | None
    tags: list[str]
    visibility: Visibility
    publication: Publication = Field(description="Whether a version that breaks a critical rule is published or held")
    registered_at: datetime
    revised_at: datetime | None
    updated_at: datetime = Field(description="When it, or what is published of it, changed last")
    version_count: int = Field(description="Published and not withdrawn")
    version_id: UUID | None = Field(description="The version that is served")
    details: DetailsOut | None = Field(default=None, description="Of one dataset as it is now; absent in lists")
    links: dict[str, str]


class ContractOut(Schema):
    """The contract that holds for a dataset."""

    dataset_id: UUID
    contract_id: str = Field(description="Its own id")
    version: str = Field(description="Its own version")
    api_version: str = Field(description="Version of the Open Data Contract Standard")
    contract: ObjectRef
    links: dict[str, str]


class ExaminationOut(Schema):
    """The closer look at a version, which comes after it is served: absent until then."""

    status: Literal["completed", "failed"]
    suitability: list[Suitability] = Field(description="Per task, of the table that fits it best")
    anomalies: list[AnomalyCount]
    drift: Literal["stable", "changed", "drifted", "not_compared"]
    compared_with: UUID | None = Field(description="The version it was compared with")
    failed_sections: list[str] = Field(description="What of it could not be made")
    reason_code: str | None = Field(description="Why it failed")
    detail: str | None
    ended_at: datetime


class VersionOut(Schema):
    """A published version."""

    version_id: UUID
    dataset_id: UUID
    number: int
    upload_id: UUID
    format: str
    original: ObjectRef | None = Field(description="Absent where it was erased")
    handler: str
    handler_version: str
    table_count: int
    unextracted: list[Unextracted] = Field(description="Parts of the original that gave no table, and why")
    quality: float | None
    measures: list[Measure]
    suitability: list[Suitability]
    licence: str | None
    published_at: datetime
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    erased_at: datetime | None = Field(description="When everything stored of it went for ever")
    erased_reason: str | None
    examination: ExaminationOut | None = Field(description="Absent until it was looked at more closely")
    links: dict[str, str]


class AlertOut(Schema):
    """Something about a dataset that someone should look at."""

    alert_id: UUID
    dataset_id: UUID
    version_id: UUID | None = Field(description="The version that raised it last")
    kind: str
    severity: Literal["info", "warning", "critical"]
    subject: str = Field(description="Table and column, where it is about one")
    state: Literal["raised", "acknowledged", "resolved"]
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None
    resolved_at: datetime | None
    resolved_reason: str | None
    links: dict[str, str]


class TableOut(Schema):
    """A table of a version."""

    table_id: UUID
    version_id: UUID
    index: int
    name: str
    origin: Origin
    row_count: int
    column_count: int
    columns: list[Column] = Field(description="Empty where there are more than 1000: see `links.columns`")
    links: dict[str, str]


class ColumnOut(Schema):
    """A column of a table."""

    name: str
    position: int = Field(description="From 0")
    type: str = Field(description="Arrow type as text")
    source_name: str | None = Field(default=None, description="What it is called in the original")
    nullable: bool = True
    description: str | None = Field(default=None, description="What it means, as a steward said")


class UploadOut(Schema):
    """Where an upload is in the pipeline."""

    upload_id: UUID
    dataset_id: UUID
    institution: str
    dataset: str
    file_name: str
    format: str | None
    size_bytes: int
    state: Literal["received", "running", "assessing", "held", "published", "failed", "rejected", "withdrawn"]
    reason_code: str | None = Field(description="Why it failed, is held, was rejected or withdrawn")
    detail: str | None = Field(description="In words; for members of the institution")
    run_id: UUID | None
    version_id: UUID | None
    version_number: int | None
    received_at: datetime
    ended_at: datetime | None
    links: dict[str, str]


def described_out(dataset: Dataset, document: SearchDocument | None) -> dict[str, Any]:
    """Return the representation of one dataset with all that stewards said of it."""
    said = details_out(details(dataset.dataset_id), attribution(dataset.dataset_id))
    return dataset_out(dataset, document) | {"details": said}


def dataset_out(dataset: Dataset, document: SearchDocument | None) -> dict[str, Any]:
    """Return the representation of a dataset and its search document, as lists have it."""
    base = f"/api/v1/datasets/{dataset.dataset_id}"
    links = {"self": base, "versions": f"{base}/versions", "uploads": f"{base}/uploads"}
    if dataset.contract is not None:
        links["contract"] = f"{base}/contract"
    served = document.version_id if document else None
    if served:
        links["version"] = f"/api/v1/versions/{served}"
    return {
        **_fields(
            dataset, DatasetOut, "details", "slug", "institution", "updated_at", "version_count", "version_id", "links"
        ),
        "slug": dataset.slug,
        "institution": dataset.institution_slug,
        "updated_at": document.updated_at if document else dataset.registered_at,
        "version_count": document.version_count if document else 0,
        "version_id": served,
        "links": links,
    }


def version_out(version: Version, examination: Examination | None = None) -> dict[str, Any]:
    """Return the representation of a version; what its examination found of suitability is newer than its own."""
    base = f"/api/v1/versions/{version.version_id}"
    links = {"self": base, "dataset": f"/api/v1/datasets/{version.dataset_id}", "lineage": f"{base}/lineage"}
    if version.withdrawn_at is None:
        links |= {
            "tables": f"{base}/tables",
            "quality": f"{base}/quality",
            "report": f"{base}/report",
            "original": f"{base}/download",
        }
        if examination is not None and examination.document is not None:
            links["examination"] = f"{base}/examination"
    found = _fields(version, VersionOut, "links", "examination")
    if examination is not None and examination.suitability:
        found["suitability"] = examination.suitability
    looked = None if examination is None else _fields(examination, ExaminationOut)
    if version.erased_at is not None:
        found |= {"original": None, "unextracted": [], "measures": [], "suitability": [], "quality": None}
        looked = None
    return {**found, "examination": looked, "links": links}


def alert_out(alert: Alert) -> dict[str, Any]:
    """Return the representation of an alert."""
    links = {"dataset": f"/api/v1/datasets/{alert.dataset_id}"}
    if alert.state == "raised":
        links["acknowledge"] = f"/api/v1/alerts/{alert.alert_id}/acknowledge"
    if alert.run_id is not None:
        links["version"] = f"/api/v1/versions/{alert.run_id}"
    return {**_fields(alert, AlertOut, "version_id", "links"), "version_id": alert.run_id, "links": links}


def table_out(table: Table) -> dict[str, Any]:
    """Return the representation of a table."""
    base = f"/api/v1/tables/{table.table_id}"
    return {
        **_fields(table, TableOut, "version_id", "links"),
        "version_id": table.run_id,
        "links": {
            "self": base,
            "version": f"/api/v1/versions/{table.run_id}",
            "columns": f"{base}/columns",
            "rows": f"{base}/rows",
            "parquet": f"{base}/download?format=parquet",
            "csv": f"{base}/download?format=csv",
        },
    }


def upload_out(upload: UploadState, *, in_words: bool) -> dict[str, Any]:
    """Return the representation of an upload; `in_words`: with the detail, which may quote the file."""
    links = {"self": f"/api/v1/uploads/{upload.upload_id}", "dataset": f"/api/v1/datasets/{upload.dataset_id}"}
    if upload.version_id:
        links["version"] = f"/api/v1/versions/{upload.version_id}"
    return {
        **_fields(upload, UploadOut, "institution", "dataset", "detail", "links"),
        "institution": upload.institution_slug,
        "dataset": upload.dataset_slug,
        "detail": upload.detail if in_words else None,
        "links": links,
    }


def _fields(row: object, schema: type[Schema], *others: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema.model_fields if name not in others}
