"""What stewards say about datasets. All but `Attribution` is made from events of `catalog.datasets.v1`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog_svc.projections.tables import Projection


class DatasetDetails(Projection):
    """What a description says beyond `datasets`; a row from the first revision or override on."""

    dataset_id = models.UUIDField(primary_key=True)
    update_frequency = models.CharField(max_length=40, null=True)  # noqa: DJ001 - absent is not empty
    languages = ArrayField(models.TextField())
    themes = ArrayField(models.TextField())
    spatial = models.JSONField(null=True)
    temporal = models.JSONField(null=True)
    landing_page = models.TextField(null=True)  # noqa: DJ001
    doi = models.CharField(max_length=255, null=True)  # noqa: DJ001
    overrides = models.JSONField(null=True, help_text="Reference to the sticky overrides of its schema")
    overridden_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["DatasetDetails"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "dataset_details"

    def __str__(self) -> str:
        """Return the dataset's id."""
        return str(self.dataset_id)


class ColumnMeaning(Projection):
    """What a column means, by the names of table and column: it holds in every version that has them."""

    meaning_id = models.UUIDField(primary_key=True, help_text="A hash of the three below")
    dataset_id = models.UUIDField(db_index=True)
    table_name = models.CharField(max_length=255)
    column_name = models.TextField()
    description = models.TextField()
    described_at = models.DateTimeField()

    objects: ClassVar[models.Manager["ColumnMeaning"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "column_meanings"

    def __str__(self) -> str:
        """Return table and column."""
        return f"{self.table_name}/{self.column_name}"


class DatasetRelation(Projection):
    """What a dataset has to do with another one, or with something at an address."""

    relation_id = models.UUIDField(primary_key=True, help_text="A hash of dataset and position")
    dataset_id = models.UUIDField()
    position = models.IntegerField()
    kind = models.CharField(max_length=32)
    related_id = models.UUIDField(null=True, db_index=True)
    url = models.TextField(null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["DatasetRelation"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "dataset_relations"
        indexes: ClassVar = [models.Index(fields=["dataset_id", "position"], name="relations_by_dataset")]

    def __str__(self) -> str:
        """Return its kind."""
        return self.kind


class Collection(Projection):
    """An ordered set of datasets that an institution curates; a dissolved one is gone."""

    collection_id = models.UUIDField(primary_key=True)
    institution_id = models.UUIDField()
    institution_slug = models.CharField(max_length=64)
    slug = models.CharField(max_length=64)
    title = models.CharField(max_length=255)
    description = models.TextField()
    visibility = models.CharField(max_length=16)  # public, institution
    members = ArrayField(models.UUIDField())
    curated_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Collection"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "collections"
        indexes: ClassVar = [models.Index(fields=["institution_slug", "slug"], name="collections_by_name")]

    def __str__(self) -> str:
        """Return its full name."""
        return f"{self.institution_slug}/{self.slug}"


class Hold(Projection):
    """That a version was said to be held, and why; the row stays when it is published or withdrawn."""

    version_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField()
    upload_id = models.UUIDField()
    reason_code = models.CharField(max_length=64)
    held_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Hold"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "version_holds"

    def __str__(self) -> str:
        """Return the version's id."""
        return str(self.version_id)


class Attribution(models.Model):
    """Who made a dataset and whom to ask. People write it: it may name persons, so it is in no event, and goes."""

    dataset_id = models.UUIDField(primary_key=True)
    contact = models.JSONField(null=True)
    creators = models.JSONField(default=list)

    objects: ClassVar[models.Manager["Attribution"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "dataset_attributions"

    def __str__(self) -> str:
        """Return the dataset's id."""
        return str(self.dataset_id)
