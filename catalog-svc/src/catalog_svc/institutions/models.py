"""Institutions (projected from events) and memberships (written by people)."""

from typing import ClassVar

from django.db import models

from catalog_svc.accounts.models import Account
from catalog_svc.projections.tables import Projection

ROLES = ("reader", "uploader", "steward", "administrator")


class Institution(Projection):
    """An institution, as its events tell. Written by `catalog.datasets.v1` only."""

    institution_id = models.UUIDField(primary_key=True)
    slug = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=255)
    homepage = models.CharField(max_length=2000, default="")
    registered_at = models.DateTimeField()
    revised_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Institution"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "institutions"

    def __str__(self) -> str:
        """Return the slug."""
        return self.slug


class Membership(models.Model):
    """One role of one account in one institution; the institution is a projection, so there is no constraint to it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    institution_id = models.UUIDField(db_index=True)
    institution_slug = models.CharField(max_length=64)
    role = models.CharField(max_length=16)

    objects: ClassVar[models.Manager["Membership"]] = models.Manager()

    class Meta:
        """Table name and rules."""

        db_table = "memberships"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "institution_id", "role"], name="memberships_once"),
            models.CheckConstraint(condition=models.Q(role__in=ROLES), name="memberships_known_role"),
        ]

    def __str__(self) -> str:
        """Return who is what where."""
        return f"{self.account_id} {self.role} at {self.institution_slug}"
