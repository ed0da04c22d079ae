"""What the events tell about datasets, and one view over it. Each table is written by the events of ONE topic."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from catalog_svc.projections.tables import Projection


class Dataset(Projection):
    """A dataset and its description. From `catalog.datasets.v1`."""

    dataset_id = models.UUIDField(primary_key=True)
    institution_id = models.UUIDField(db_index=True)
    institution_slug = models.CharField(max_length=64)
    slug = models.CharField(max_length=64)
    title = models.CharField(max_length=255)
    description = models.TextField()
    licence = models.CharField(max_length=100, null=True)  # noqa: DJ001 - absent is not empty
    tags = ArrayField(models.TextField())
    visibility = models.CharField(max_length=16)
    publication = models.CharField(max_length=32)  # automatic, hold_on_critical
    contract = models.JSONField(null=True, help_text="Reference to the contract that holds")
    contract_defined_at = models.DateTimeField(null=True)
    registered_at = models.DateTimeField()
    revised_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Dataset"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "datasets"
        indexes: ClassVar = [
            models.Index(fields=["institution_slug", "slug"], name="datasets_by_name"),
            # what a list of a million is sorted by without reading them all
            models.Index(fields=["title", "dataset_id"], name="datasets_by_title"),
            models.Index(fields=["registered_at", "dataset_id"], name="datasets_by_registration"),
        ]

    def __str__(self) -> str:
        """Return its full name."""
        return f"{self.institution_slug}/{self.slug}"


class Version(Projection):
    """A published version. From `catalog.datasets.v1`; its id is the id of the run that made it."""

    version_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField()
    number = models.IntegerField()
    upload_id = models.UUIDField()
    run_id = models.UUIDField()
    assessment_id = models.UUIDField()
    original = models.JSONField()
    format = models.CharField(max_length=32)
    handler = models.CharField(max_length=255)
    handler_version = models.CharField(max_length=255)
    table_count = models.IntegerField()
    unextracted = models.JSONField()
    quality = models.FloatField(null=True)
    measures = models.JSONField()
    suitability = models.JSONField()
    licence = models.CharField(max_length=100, null=True)  # noqa: DJ001
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.CharField(max_length=64, null=True)  # noqa: DJ001
    withdrawn_detail = models.TextField(null=True)  # noqa: DJ001
    erased_at = models.DateTimeField(null=True)
    erased_reason = models.CharField(max_length=64, null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["Version"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "versions"
        indexes: ClassVar = [
            models.Index(fields=["dataset_id", "number"], name="versions_by_number"),
            models.Index(fields=["upload_id"], name="versions_by_upload"),
        ]

    def __str__(self) -> str:
        """Return dataset and number."""
        return f"{self.dataset_id} #{self.number}"


class Upload(Projection):
    """A file that came in. From `ingest.uploads.v1`."""

    upload_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField()
    institution_id = models.UUIDField()
    institution_slug = models.CharField(max_length=64)
    dataset_slug = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=32, null=True)  # noqa: DJ001
    media_type = models.TextField(null=True)  # noqa: DJ001
    encoding = models.TextField(null=True)  # noqa: DJ001
    compression = models.TextField(null=True)  # noqa: DJ001
    original = models.JSONField(null=True)
    size_bytes = models.BigIntegerField()
    status = models.CharField(max_length=16)  # received, rejected, withdrawn
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    detail = models.TextField(null=True)  # noqa: DJ001
    uploaded_by = models.UUIDField()
    received_at = models.DateTimeField(help_text="When it was received or rejected")
    withdrawn_at = models.DateTimeField(null=True)
    stalled_run = models.UUIDField(null=True)
    stalled_stage = models.CharField(max_length=16, null=True)  # noqa: DJ001
    stalled_reason = models.CharField(max_length=64, null=True)  # noqa: DJ001
    stalled_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Upload"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "uploads"
        indexes: ClassVar = [models.Index(fields=["dataset_id", "received_at"], name="uploads_by_dataset")]

    def __str__(self) -> str:
        """Return its id."""
        return str(self.upload_id)


class Run(Projection):
    """An attempt to make tables of an upload. From `processing.runs.v1`."""

    run_id = models.UUIDField(primary_key=True)
    upload_id = models.UUIDField(db_index=True)
    dataset_id = models.UUIDField(db_index=True)
    status = models.CharField(max_length=16)  # running, completed, failed
    handler = models.CharField(max_length=255, null=True)  # noqa: DJ001
    handler_version = models.CharField(max_length=255, null=True)  # noqa: DJ001
    original = models.JSONField(null=True)
    table_count = models.IntegerField(null=True)
    unextracted = models.JSONField()
    repair_count = models.IntegerField(null=True)
    report = models.JSONField(null=True, help_text="Reference to the document that tells what was found and repaired")
    attempts = models.IntegerField(null=True)
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    detail = models.TextField(null=True)  # noqa: DJ001
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Run"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "runs"

    def __str__(self) -> str:
        """Return its id."""
        return str(self.run_id)


class Table(Projection):
    """A table that a run wrote as Parquet. From `processing.runs.v1`."""

    table_id = models.UUIDField(primary_key=True)
    run_id = models.UUIDField()
    dataset_id = models.UUIDField()
    index = models.IntegerField()
    name = models.CharField(max_length=255)
    origin = models.JSONField()
    parts = models.JSONField()
    row_count = models.BigIntegerField()
    column_count = models.IntegerField()
    columns = models.JSONField(help_text="Empty where there are more than 1000: `schema_object` has them")
    schema_object = models.JSONField(null=True)

    objects: ClassVar[models.Manager["Table"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "tables"
        indexes: ClassVar = [models.Index(fields=["run_id", "index"], name="tables_by_run")]

    def __str__(self) -> str:
        """Return its name."""
        return self.name


class Assessment(Projection):
    """The quality of what a run made. From `quality.assessments.v1`."""

    assessment_id = models.UUIDField(primary_key=True)
    run_id = models.UUIDField(db_index=True)
    dataset_id = models.UUIDField()
    status = models.CharField(max_length=16)  # completed, failed
    profile = models.JSONField(null=True)
    overall = models.FloatField(null=True)
    measures = models.JSONField()
    tables = models.JSONField()
    suitability = models.JSONField()
    rules = models.JSONField(null=True, help_text="What became of the contract's rules, where one held")
    columns = models.JSONField(default=list, help_text="What columns hold, as far as the event says")
    attempts = models.IntegerField(null=True)
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    detail = models.TextField(null=True)  # noqa: DJ001
    ended_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Assessment"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "assessments"

    def __str__(self) -> str:
        """Return its id."""
        return str(self.assessment_id)


class Examination(Projection):
    """The closer look at a version, which comes after it is served. From `quality.assessments.v1`."""

    run_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField(db_index=True)
    status = models.CharField(max_length=16)  # completed, failed
    document = models.JSONField(null=True)
    suitability = models.JSONField()
    anomalies = models.JSONField(help_text="How many by kind")
    drift = models.CharField(max_length=16)  # stable, changed, drifted, not_compared
    compared_with = models.UUIDField(null=True)
    failed_sections = models.JSONField()
    attempts = models.IntegerField(null=True)
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    detail = models.TextField(null=True)  # noqa: DJ001
    ended_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Examination"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "examinations"

    def __str__(self) -> str:
        """Return its run's id."""
        return str(self.run_id)


class Alert(Projection):
    """Something about a dataset that someone should look at. From `quality.assessments.v1`."""

    alert_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField()
    run_id = models.UUIDField(null=True, help_text="Of the version that raised it last")
    kind = models.CharField(max_length=64)
    severity = models.CharField(max_length=16)
    subject = models.TextField()
    state = models.CharField(max_length=16)  # raised, acknowledged, resolved
    raised_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.UUIDField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_reason = models.CharField(max_length=64, null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["Alert"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "alerts"
        indexes: ClassVar = [models.Index(fields=["dataset_id", "-raised_at"], name="alerts_by_dataset")]

    def __str__(self) -> str:
        """Return kind and subject."""
        return f"{self.kind}: {self.subject}"


class SearchDocument(Projection):
    """What a dataset is found by and listed with: a pure function of the tables above, made again when they change."""

    dataset_id = models.UUIDField(primary_key=True)
    institution_slug = models.CharField(max_length=64)
    visibility = models.CharField(max_length=16)
    words = SearchVectorField()
    version_id = models.UUIDField(
        null=True, help_text="The version that is served: not withdrawn, of the latest upload"
    )
    version_count = models.IntegerField(help_text="Published and not withdrawn")
    updated_at = models.DateTimeField()
    marks = ArrayField(models.TextField(), help_text="What it is counted and chosen by: `facet=value`, `~level`")
    prior = models.FloatField(help_text="What its rank is multiplied with: a little more where newer and better")
    recipe = models.CharField(max_length=16, help_text="A hash of how it was made: made again where that changes")

    objects: ClassVar[models.Manager["SearchDocument"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "search_documents"
        indexes: ClassVar = [
            # words and marks in one index: what has few of one need not be read of the other
            GinIndex(fields=["words", "marks"], name="search_documents_found", fastupdate=False),
            models.Index(fields=["-prior", "-dataset_id"], name="search_documents_prior"),
            models.Index(fields=["-updated_at", "-dataset_id"], name="search_documents_recent"),
        ]

    def __str__(self) -> str:
        """Return the dataset's id."""
        return str(self.dataset_id)


class ListedDataset(models.Model):
    """A dataset beside its search document, for lists that are filtered or sorted by what both say."""

    document = models.OneToOneField(
        SearchDocument, on_delete=models.DO_NOTHING, primary_key=True, db_column="dataset_id", related_name="+"
    )
    slug = models.CharField(max_length=64)
    title = models.CharField(max_length=255)
    description = models.TextField()
    licence = models.CharField(max_length=100, null=True)  # noqa: DJ001 - absent is not empty
    tags = ArrayField(models.TextField())
    publication = models.CharField(max_length=32)
    registered_at = models.DateTimeField()
    revised_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["ListedDataset"]] = models.Manager()

    class Meta:
        """The table of `Dataset`, which is made there."""

        managed = False
        db_table = "datasets"

    def __str__(self) -> str:
        """Return its id."""
        return str(self.pk)


class UploadState(models.Model):
    """Where an upload is in the pipeline: a view over uploads, runs, assessments and versions."""

    upload_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField()
    institution_slug = models.CharField(max_length=64)
    dataset_slug = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255)
    format = models.CharField(max_length=32, null=True)  # noqa: DJ001
    size_bytes = models.BigIntegerField()
    state = models.CharField(max_length=16)
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    detail = models.TextField(null=True)  # noqa: DJ001
    run_id = models.UUIDField(null=True)
    version_id = models.UUIDField(null=True)
    version_number = models.IntegerField(null=True)
    received_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["UploadState"]] = models.Manager()

    class Meta:
        """It is a view, made by a migration."""

        db_table = "upload_states"
        managed = False

    def __str__(self) -> str:
        """Return upload and state."""
        return f"{self.upload_id}: {self.state}"
