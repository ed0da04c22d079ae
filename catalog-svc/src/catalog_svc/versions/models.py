"""Tables of this domain: the events of the log by dataset, and what was erased. Both are made from events alone."""

from typing import ClassVar

from django.db import models

from catalog_svc.projections.tables import Projection


class IndexedEvent(Projection):
    """An event of any topic as it stands in the log. Its row never changes: an event's id names stream and version."""

    event_id = models.UUIDField(primary_key=True)
    key = models.UUIDField(help_text="The dataset it is about; an institution where it is about no single dataset")
    type = models.CharField(max_length=64)
    source = models.CharField(max_length=255, help_text="Service and stream")
    version = models.BigIntegerField(help_text="Of its stream, from 1")
    time = models.DateTimeField()
    correlation_id = models.UUIDField()
    causation_id = models.UUIDField(null=True)
    traceparent = models.TextField(null=True)  # noqa: DJ001 - absent is not empty
    data = models.JSONField(help_text="The body")

    objects: ClassVar[models.Manager["IndexedEvent"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "event_index"
        indexes: ClassVar = [models.Index(fields=["key", "time", "version", "event_id"], name="event_index_by_dataset")]

    def __str__(self) -> str:
        """Return type and id."""
        return f"{self.type} {self.event_id}"


class Erasure(Projection):
    """That a version, or all that a dataset held, was erased, and whether its objects are gone already.

    From `catalog.datasets.v1`. While `completed_at` is null, objects are still to be deleted.
    """

    erasure_id = models.UUIDField(primary_key=True, help_text="Of the version, or of the dataset")
    dataset_id = models.UUIDField(db_index=True)
    version_id = models.UUIDField(null=True, help_text="Null: everything that had come in for the dataset")
    upload_id = models.UUIDField(null=True)
    original_erased = models.BooleanField(help_text="Whether the original goes too: no other version is made of it")
    reason_code = models.CharField(max_length=64)
    reference = models.CharField(max_length=100)
    erased_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    object_count = models.BigIntegerField(null=True, help_text="How many were deleted, by what was reported last")

    objects: ClassVar[models.Manager["Erasure"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "erasures"

    def __str__(self) -> str:
        """Return what was erased."""
        return str(self.erasure_id)
