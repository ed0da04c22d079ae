"""What stewards decided about suggested rules. People write it: it is no projection, and a rebuild leaves it alone."""

from typing import ClassVar

from django.db import models


class Decision(models.Model):
    """A suggestion was accepted into the contract, or refused. It goes by dataset, table, kind of rule and columns."""

    suggestion_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField(db_index=True)
    state = models.CharField(max_length=8)  # accepted, refused
    decided_by = models.UUIDField()
    decided_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Decision"]] = models.Manager()

    class Meta:
        """Table name and rules."""

        db_table = "suggestion_decisions"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=("accepted", "refused")), name="suggestion_state")
        ]

    def __str__(self) -> str:
        """Return what became of which suggestion."""
        return f"{self.suggestion_id} {self.state}"
