"""What a projection table is: rows written by events alone, the same whatever order the topics come in."""

from django.apps import apps
from django.db import models


class Projection(models.Model):
    """Base of every model whose rows are made from events.

    Rules that the rebuild relies on: keys come from the events (no serial numbers), no foreign key constraints (topics
    interleave freely), no defaults from a clock.
    """

    class Meta:
        """No table of its own."""

        abstract = True


def projection_models() -> list[type[Projection]]:
    """Return every projection model, in the order of their names."""
    found = [model for model in apps.get_models() if issubclass(model, Projection) and model._meta.managed]  # noqa: SLF001
    return sorted(found, key=lambda model: model._meta.db_table)  # noqa: SLF001
