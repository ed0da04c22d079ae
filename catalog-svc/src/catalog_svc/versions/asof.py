"""The parameter `as_of`: a moment of the past, given as a time or as an event of the log. Read here and nowhere else.

`moment_of(request, principal)` gives it to an operation, None where nobody asked. What was served then is told by
`history`. A read that does not call it is refused by `refusal`: today is no answer to a question about yesterday.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from catalog_svc.access.scope import visible_to
from catalog_svc.datasets.models import Dataset
from catalog_svc.versions.eventlog import selectors
from catalog_svc.versions.models import IndexedEvent
from catalog_svc.versions.refusal import PARAMETER, READ
from dataplatform.identity import Principal
from dataplatform.problems import Problem

_MOST: Final = 64

DESCRIBED: Final = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "schema": {"type": "string", "maxLength": _MOST},
    "description": "A time (RFC 3339) or the id of an event: the answer is as it was then",
    "example": "2026-03-01T12:00:00Z",
}
"""The parameter in the API document."""
_SHOWING: Final = re.compile(
    r"/datasets(/\{dataset_id\}(/versions|/dcat\.\{suffix\}|/\{standard\}\.json)?)?"
    r"|/institutions/\{institution\}/datasets/\{dataset\}"
    r"|/versions/\{version_id\}(/(tables|quality|examination|report|download))?"
    r"|/tables/\{table_id\}(/(columns|download|rows(/.*)?))?|/sql"
)
"""The operations that look at it, by the end of their path; a test asks each of them."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the log: everything up to `time`; in the stream of a chosen event, up to its version."""

    time: datetime
    stream: str | None = None
    version: int = 0

    def reached(self, event: IndexedEvent) -> bool:
        """Whether an event had happened."""
        if self.stream is not None and selectors.stream_of(event) == self.stream:
            return event.version <= self.version
        return event.time <= self.time


def moment_of(request: HttpRequest, principal: Principal | None) -> Moment | None:
    """Return the moment that a request asks about, None where it asks about now; raises a 422 problem."""
    setattr(request, READ, True)
    found = request.GET.getlist(PARAMETER)
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > _MOST:
        raise invalid("it is given once, as a time (RFC 3339) or the id of an event")
    text = found[0].strip()
    try:
        return _of_event(UUID(text), principal)
    except ValueError:
        return Moment(_time(text))


def describe(document: dict[str, Any]) -> None:
    """Add the parameter to the operations of an OpenAPI document that look at it."""
    for path, operations in document["paths"].items():
        if _SHOWING.fullmatch(path.removeprefix("/api/v1").replace("uuid:", "")):
            for method in {"get", "post"} & operations.keys():
                operations[method].setdefault("parameters", []).append(dict(DESCRIBED))


def invalid(detail: str) -> Problem:
    """Return the problem of a moment that is none."""
    return Problem("invalid_as_of", "Invalid as_of", 422, f"as_of: {detail}")


def _time(text: str) -> datetime:
    # a plus that was not encoded arrives as a space
    text = text[:-6] + "+" + text[-5:] if len(text) > 6 and text[-6] == " " else text  # noqa: PLR2004
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("it is neither a time (RFC 3339) nor the id of an event") from None
    if time.tzinfo is None:
        raise invalid("a time has an offset, for example 2026-03-01T12:00:00Z")
    return time


def _of_event(event_id: UUID, principal: Principal | None) -> Moment:
    event = selectors.event(event_id)
    if event is None or not Dataset.objects.filter(visible_to(principal), pk=event.key).exists():
        raise invalid("there is no such event")
    return Moment(event.time, selectors.stream_of(event), event.version)
