"""Grants on single datasets (projected from events), and the requests for them (written by people)."""

from typing import ClassVar

from django.db import models

from catalog_svc.accounts.models import Account
from catalog_svc.projections.tables import Projection


class Grant(Projection):
    """A role for one dataset alone, held by an account or by whoever is in a group. From `catalog.datasets.v1`.

    Its key is made of dataset and holder: the newest grant replaces the one before, a revocation deletes it.
    """

    grant_id = models.UUIDField(primary_key=True, help_text="MD5 of `<dataset>:<account|group>:<holder>`")
    dataset_id = models.UUIDField()
    account_id = models.UUIDField(null=True)
    group_id = models.UUIDField(null=True)
    role = models.CharField(max_length=16)
    granted_at = models.DateTimeField()
    granted_by = models.UUIDField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Grant"]] = models.Manager()

    class Meta:
        """Table name, and an index for each side that it is looked up from."""

        db_table = "grants"
        indexes: ClassVar = [
            models.Index(fields=["dataset_id", "grant_id"], name="grants_of_dataset"),
            models.Index(
                fields=["account_id", "dataset_id"],
                condition=models.Q(account_id__isnull=False),
                name="grants_of_account",
            ),
            models.Index(
                fields=["group_id", "dataset_id"], condition=models.Q(group_id__isnull=False), name="grants_of_group"
            ),
        ]

    def __str__(self) -> str:
        """Return who may what."""
        return f"{self.account_id or self.group_id} {self.role} of {self.dataset_id}"


class AccessRequest(models.Model):
    """Somebody asks for access to a dataset, by its names: there may be none of these names, and nobody is told.

    One account has one open request for a dataset. Its words are people's data and stay out of events.
    """

    request_id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="access_requests")
    institution_slug = models.CharField(max_length=64)
    dataset_slug = models.CharField(max_length=64)
    dataset_id = models.UUIDField()
    message = models.CharField(max_length=2000)
    state = models.CharField(max_length=16)
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.UUIDField(null=True)
    reason = models.CharField(max_length=2000, blank=True)

    objects: ClassVar[models.Manager["AccessRequest"]] = models.Manager()

    class Meta:
        """Table name, rules, and the orders in which lists are read."""

        db_table = "access_requests"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "dataset_id"], condition=models.Q(state="open"), name="access_requests_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("open", "accepted", "declined", "cancelled")),
                name="access_requests_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["dataset_id", "-requested_at", "-request_id"], name="access_requests_of_dataset"),
            models.Index(fields=["institution_slug", "-requested_at", "-request_id"], name="access_requests_of_inst"),
            models.Index(fields=["account", "-requested_at", "-request_id"], name="access_requests_of_account"),
        ]

    def __str__(self) -> str:
        """Return who asks for what."""
        return f"{self.account_id} asks for {self.institution_slug}/{self.dataset_slug}: {self.state}"
