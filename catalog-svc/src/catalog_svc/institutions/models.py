"""Institutions (projected from events), memberships and groups (written by people)."""

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


class Group(models.Model):
    """Accounts of any institution that are given something together: a role at the group's institution, or datasets."""

    group_id = models.UUIDField(primary_key=True)
    institution_id = models.UUIDField()
    institution_slug = models.CharField(max_length=64)
    slug = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    role = models.CharField(max_length=16, blank=True, help_text="What its members are at the institution, if anything")
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Group"]] = models.Manager()

    class Meta:
        """Table name and rules."""

        db_table = "groups"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution_slug", "slug"], name="groups_once"),
            models.CheckConstraint(condition=models.Q(role__in=("", *ROLES)), name="groups_known_role"),
        ]

    def __str__(self) -> str:
        """Return its full name."""
        return f"{self.institution_slug}/{self.slug}"


class GroupMember(models.Model):
    """An account is in a group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="groups")
    added_at = models.DateTimeField()

    objects: ClassVar[models.Manager["GroupMember"]] = models.Manager()

    class Meta:
        """Table name and rules."""

        db_table = "group_members"
        constraints: ClassVar = [models.UniqueConstraint(fields=["group", "account"], name="group_members_once")]

    def __str__(self) -> str:
        """Return who is in which."""
        return f"{self.account_id} in {self.group_id}"
