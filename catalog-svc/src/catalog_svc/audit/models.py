"""The table of the audit log. Not a projection: what people did is not made from events, and never made again."""

from typing import ClassVar

from django.db import models


class AuditEntry(models.Model):
    """Somebody did something, or was refused it. The database refuses to change or delete one: see the migration.

    An entry names its account by id only, so that erasing an account leaves the log whole and nameless.
    """

    id = models.BigAutoField(primary_key=True)
    occurred_at = models.DateTimeField()
    by = models.UUIDField(null=True, help_text="The account; none where the platform itself, or nobody known, did it")
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=32, help_text="What kind of thing it was done to")
    subject_id = models.CharField(max_length=128)
    institution = models.CharField(max_length=64, null=True)  # noqa: DJ001 - absent is not empty
    outcome = models.CharField(max_length=8)
    correlation_id = models.UUIDField()
    details = models.JSONField()

    objects: ClassVar[models.Manager["AuditEntry"]] = models.Manager()

    class Meta:
        """Table name, rules, and an index for each way in which the log is read."""

        db_table = "audit_entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(outcome__in=("done", "refused")), name="audit_entries_outcome")
        ]
        indexes: ClassVar = [
            models.Index(fields=["institution", "-id"], name="audit_by_institution"),
            models.Index(fields=["by", "-id"], name="audit_by_account"),
            models.Index(fields=["subject_id", "-id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        """Return who did what to what."""
        return f"{self.by} {self.action} {self.subject} {self.subject_id}"
