"""Export jobs. Written by people and the worker, made from no log; the lease is in `jobs`, queue `exports`."""

from typing import ClassVar

from django.db import models

STATES = ("queued", "ready", "failed", "cancelled", "expired")


class Export(models.Model):
    """A file that is to be made, is made, or was. `bearer`: what the token that asked for it allowed."""

    export_id = models.UUIDField(primary_key=True)
    requested_by = models.UUIDField()
    bearer = models.JSONField()
    table_id = models.UUIDField(db_index=True)
    dataset_id = models.UUIDField()
    institution_slug = models.CharField(max_length=64)
    format = models.CharField(max_length=16)
    compression = models.CharField(max_length=8)
    escape_formulas = models.BooleanField()
    parameters = models.JSONField(help_text="Of the query string: name and values")
    state = models.CharField(max_length=16)
    row_estimate = models.BigIntegerField(help_text="Rows of the table: a filter leaves fewer")
    row_count = models.BigIntegerField(null=True)
    file_name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    object = models.JSONField(null=True, help_text="Reference to the file")
    reason_code = models.CharField(max_length=64, null=True)  # noqa: DJ001 - absent is not empty
    detail = models.TextField(null=True)  # noqa: DJ001
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="The file is deleted then")
    swept_at = models.DateTimeField(null=True, help_text="Nothing is left of it in the object store")

    objects: ClassVar[models.Manager["Export"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "export_jobs"
        indexes: ClassVar = [
            models.Index(fields=["requested_by", "-created_at", "-export_id"], name="export_jobs_by_requester"),
            models.Index(fields=["ended_at"], condition=models.Q(swept_at=None), name="export_jobs_to_sweep"),
        ]

    def __str__(self) -> str:
        """Return file and state."""
        return f"{self.file_name}: {self.state}"
