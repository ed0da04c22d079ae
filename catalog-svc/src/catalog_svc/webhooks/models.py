"""Endpoints, and what became of the events they asked for. Written by people and the worker, made from no log.

The lease of a delivery is in `jobs`, in a queue of its endpoint's own: `webhook/<endpoint id>`.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

STATES = ("pending", "delivered", "dead", "cancelled")


class Endpoint(models.Model):
    """Where events of an institution are posted to."""

    endpoint_id = models.UUIDField(primary_key=True)
    institution_id = models.UUIDField(db_index=True)
    institution_slug = models.CharField(max_length=64)
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=255, default="")
    event_types = ArrayField(models.CharField(max_length=128))
    datasets = ArrayField(models.UUIDField(), default=list, help_text="Only events of these; empty: of all")
    include_public = models.BooleanField(default=False, help_text="Public datasets of other institutions too")
    secret = models.BinaryField(help_text="Sealed")
    previous_secret = models.BinaryField(null=True, help_text="Sealed; signs too until `previous_until`")
    previous_until = models.DateTimeField(null=True)
    created_by = models.UUIDField()
    created_at = models.DateTimeField()
    revised_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=32, null=True)  # noqa: DJ001 - by_request, gone, failing
    failing_since = models.DateTimeField(null=True, help_text="The first failure since the last success")
    paused_until = models.DateTimeField(null=True, help_text="It asked for a pause")
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=64, null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["Endpoint"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "webhook_endpoints"

    def __str__(self) -> str:
        """Return its id."""
        return str(self.endpoint_id)


class Message(models.Model):
    """The body that is posted, once for all endpoints. The same bytes at every attempt."""

    event_id = models.UUIDField(primary_key=True)
    type = models.CharField(max_length=128)
    dataset_id = models.UUIDField(null=True)
    body = models.TextField()
    occurred_at = models.DateTimeField()
    kept_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Message"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "webhook_messages"
        indexes: ClassVar = [models.Index(fields=["kept_at"], name="webhook_messages_by_age")]

    def __str__(self) -> str:
        """Return its type."""
        return self.type


class Delivery(models.Model):
    """An event for an endpoint. Its id is made of both, so an event is enqueued once; `round` counts redeliveries."""

    delivery_id = models.UUIDField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, db_index=False)
    event_id = models.UUIDField()
    type = models.CharField(max_length=128)
    dataset_id = models.UUIDField(null=True)
    state = models.CharField(max_length=16)
    round = models.IntegerField(default=1)
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(help_text="When this round began")
    next_attempt_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    last_status = models.IntegerField(null=True)
    last_error = models.CharField(max_length=64, null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["Delivery"]] = models.Manager()

    class Meta:
        """Table name and indexes."""

        db_table = "webhook_deliveries"
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-created_at", "-delivery_id"], name="webhook_deliveries_recent"),
            models.Index(fields=["endpoint", "state"], name="webhook_deliveries_by_state"),
            models.Index(fields=["created_at"], name="webhook_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        """Return type and state."""
        return f"{self.type}: {self.state}"


class Attempt(models.Model):
    """One line of the delivery log. Of the answer only its length and the beginning of its hash are kept."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    round = models.IntegerField()
    attempt = models.IntegerField()
    started_at = models.DateTimeField()
    status = models.IntegerField(null=True)
    error_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    latency_ms = models.IntegerField()
    response_bytes = models.IntegerField()
    response_hash = models.CharField(max_length=16, null=True)  # noqa: DJ001

    objects: ClassVar[models.Manager["Attempt"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "webhook_attempts"

    def __str__(self) -> str:
        """Return round, attempt and outcome."""
        return f"{self.round}.{self.attempt}: {self.status or self.error_code}"


class Unplaced(models.Model):
    """An event that came before anybody knew whose dataset it is of: topics interleave. Matched once that is known."""

    event_id = models.UUIDField(primary_key=True)
    dataset_id = models.UUIDField(db_index=True)
    record = models.JSONField()
    kept_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Unplaced"]] = models.Manager()

    class Meta:
        """Table name."""

        db_table = "webhook_unplaced"

    def __str__(self) -> str:
        """Return the event's id."""
        return str(self.event_id)
