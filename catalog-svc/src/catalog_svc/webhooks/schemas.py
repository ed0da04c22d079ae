"""What the REST interface of webhooks says and takes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from catalog_svc.webhooks.addresses import MAX_URL_CHARACTERS
from catalog_svc.webhooks.models import Attempt, Delivery, Endpoint

Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARACTERS, examples=["https://hooks.example.org/catalog"])]
Description = Annotated[str, Field(max_length=255, examples=["Reloads the dashboard"])]
EventTypes = Annotated[
    list[Annotated[str, Field(max_length=128)]],
    Field(min_length=1, max_length=100, examples=[["version.published.v1", "version.withdrawn.v1"]]),
]
Datasets = Annotated[
    list[UUID], Field(max_length=100, description="Only events of these; empty: of every dataset", examples=[[]])
]
IncludePublic = Annotated[
    bool, Field(description="Hear of public datasets of other institutions too: that they are registered, revised, "
                "that versions are published or withdrawn", examples=[False]),
]  # fmt: skip
_STRICT = ConfigDict(extra="forbid")


class EndpointIn(Schema):
    """An endpoint to make."""

    model_config = _STRICT

    url: Url
    event_types: EventTypes
    datasets: Datasets = Field(default_factory=list)
    include_public: IncludePublic = False
    description: Description = ""


class EndpointChanges(Schema):
    """What is to be changed; what is left out stays. `active` false disables, true enables again."""

    model_config = _STRICT

    url: Url | None = None
    event_types: EventTypes | None = None
    datasets: Datasets | None = None
    include_public: IncludePublic | None = None
    description: Description | None = None
    active: Annotated[bool | None, Field(examples=[True])] = None


class RotationIn(Schema):
    """How long the old secret goes on signing beside the new one."""

    model_config = _STRICT

    overlap_seconds: Annotated[int, Field(ge=0, le=604_800, examples=[86_400])] = 86_400


class RedeliveryIn(Schema):
    """Which past events are to be sent (again): these, all dead letters, or those of a time. One of the three."""

    model_config = _STRICT

    event_ids: Annotated[list[UUID] | None, Field(min_length=1, max_length=100)] = None
    dead: Annotated[bool, Field(description="All dead letters", examples=[True])] = False
    since: Annotated[datetime | None, Field(description="Events of the institution's datasets from then on")] = None
    until: Annotated[datetime | None, Field(description="Only with `since`")] = None


class RedeliveryOut(Schema):
    """How many were enqueued; those that wait already are not again. `more`: go on with `next_since` as `since`."""

    enqueued: int = Field(examples=[12])
    more: bool = Field(examples=[False])
    next_since: datetime | None = None


class EventTypeOut(Schema):
    """An event type to subscribe to."""

    type: str = Field(examples=["version.published.v1"])
    description: str = Field(examples=["A version is served from now on."])
    public: bool = Field(description="Whether others hear of it for public datasets", examples=[True])


class HealthOut(Schema):
    """How delivering goes."""

    state: Literal["healthy", "failing", "paused", "disabled"]
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="`by_request`, `gone` (it answered 410), `failing` (for days)")
    failing_since: datetime | None
    paused_until: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None = Field(description="`status_503`, `timed_out`, `address_refused`, ...")
    dead_letters: int = Field(description="Given up within the last 30 days, and not sent again")


class EndpointOut(Schema):
    """An endpoint. Its secret is never shown again."""

    endpoint_id: UUID
    institution: str = Field(examples=["demo"])
    url: str = Field(examples=["https://hooks.example.org/catalog"])
    description: str
    event_types: list[str]
    datasets: list[UUID]
    include_public: bool
    active: bool
    created_by: UUID
    created_at: datetime
    revised_at: datetime | None
    previous_secret_until: datetime | None = Field(description="Until then the secret before this one signs too")
    health: HealthOut
    links: dict[str, str]


class NewEndpointOut(EndpointOut):
    """An endpoint that was just made, or has a new secret: the only time that it is shown."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class AttemptOut(Schema):
    """One line of the delivery log."""

    round: int = Field(description="Grows with each redelivery")
    attempt: int
    started_at: datetime
    status: int | None
    error_code: str | None
    latency_ms: int
    response_bytes: int
    response_hash: str | None = Field(description="First 16 hex digits of the SHA-256 of up to 64 KiB of the answer")


class DeliveryOut(Schema):
    """What became of an event for an endpoint."""

    delivery_id: UUID
    webhook_id: str = Field(description="As in the header `webhook-id`")
    event_id: UUID
    type: str
    dataset_id: UUID | None
    state: Literal["pending", "delivered", "dead", "cancelled"]
    round: int
    attempts: int = Field(description="Of this round")
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None
    last_status: int | None
    last_error: str | None
    links: dict[str, str]


class DeliveryDetailOut(DeliveryOut):
    """A delivery with its log, the last attempt first (up to 100)."""

    log: list[AttemptOut]


def endpoint_out(endpoint: Endpoint, dead_letters: int, now: datetime) -> dict[str, Any]:
    """Return what is shown of an endpoint."""
    plain = ("endpoint_id", "url", "description", "event_types", "datasets", "include_public", "created_by",
             "created_at", "revised_at")  # fmt: skip
    own = f"/api/v1/webhooks/{endpoint.endpoint_id}"
    previous = endpoint.previous_until if endpoint.previous_until and endpoint.previous_until > now else None
    return {
        **{name: getattr(endpoint, name) for name in plain},
        "institution": endpoint.institution_slug,
        "active": endpoint.disabled_at is None,
        "previous_secret_until": previous,
        "health": {
            "state": _state(endpoint, now),
            **{name: getattr(endpoint, name) for name in HealthOut.model_fields if name not in _COMPUTED},
            "dead_letters": dead_letters,
        },
        "links": {
            "self": own,
            "deliveries": f"{own}/deliveries",
            "institution": f"/api/v1/institutions/{endpoint.institution_slug}",
        },
    }


_COMPUTED = ("state", "dead_letters")


def _state(endpoint: Endpoint, now: datetime) -> str:
    if endpoint.disabled_at is not None:
        return "disabled"
    if endpoint.paused_until is not None and endpoint.paused_until > now:
        return "paused"
    return "healthy" if endpoint.failing_since is None else "failing"


def delivery_out(delivery: Delivery, webhook_id: str) -> dict[str, Any]:
    """Return what is shown of a delivery."""
    own = f"/api/v1/webhooks/{delivery.endpoint_id}/deliveries/{delivery.delivery_id}"
    fields = (name for name in DeliveryOut.model_fields if name not in ("webhook_id", "links"))
    return {
        **{name: getattr(delivery, name) for name in fields},
        "webhook_id": webhook_id,
        "links": {"self": own, "redeliver": f"{own}/redeliver", "endpoint": f"/api/v1/webhooks/{delivery.endpoint_id}"},
    }


def attempt_out(attempt: Attempt) -> dict[str, Any]:
    """Return a line of the log."""
    return {name: getattr(attempt, name) for name in AttemptOut.model_fields}
