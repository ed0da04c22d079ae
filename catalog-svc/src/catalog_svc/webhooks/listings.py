"""What the lists of webhooks may be filtered and sorted by."""

from typing import Final

from catalog_svc.listing import Listing, boolean, code, codes, integer, moment, text, unique
from catalog_svc.webhooks.schemas import DeliveryOut, EndpointOut, EventTypeOut

TYPES: Final = Listing("event types", EventTypeOut, (text("type"), boolean("public")), order=["type"], key="type")

ENDPOINTS: Final = Listing(
    "webhooks",
    EndpointOut,
    (
        moment("created_at"),
        unique("endpoint_id"),
        text("url"),
        text("description"),
        codes("event_types"),
        boolean("include_public"),
        boolean("active", "switched_on"),
        unique("created_by"),
        moment("revised_at", optional=True),
    ),
    order=["created_at"],
    key="endpoint_id",
)

DELIVERIES: Final = Listing(
    "deliveries",
    DeliveryOut,
    (
        moment("created_at"),
        unique("delivery_id"),
        unique("event_id"),
        text("type"),
        unique("dataset_id", optional=True),
        code("state"),
        integer("round"),
        integer("attempts"),
        moment("next_attempt_at", optional=True),
        moment("ended_at", optional=True),
        integer("last_status", optional=True),
        code("last_error", optional=True),
    ),
    order=["-created_at"],
    key="delivery_id",
    parameters=["state"],
)
