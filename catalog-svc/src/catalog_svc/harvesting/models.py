"""What harvesters were shown once, so that they can be told that it is gone."""

from typing import ClassVar

from django.db import models

from catalog_svc.projections.tables import Projection


class OncePublic(Projection):
    """A dataset that everybody could see, until its visibility was narrowed. From `catalog.datasets.v1`.

    The row stays when it is public again: whether it is gone now, `datasets` tells.
    """

    dataset_id = models.UUIDField(primary_key=True)
    hidden_at = models.DateTimeField(help_text="When it was narrowed last")

    objects: ClassVar[models.Manager["OncePublic"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "once_public"

    def __str__(self) -> str:
        """Return the dataset's id."""
        return str(self.dataset_id)
