"""Who does something, when, and in which request: what every write hands down, and what the audit log wants to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from pydantic import JsonValue

from catalog_svc import clock
from catalog_svc.audit import services
from catalog_svc.correlation import correlation_id_of
from dataplatform.identity import Principal
from dataplatform.log.envelope import Context


@dataclass(frozen=True, slots=True)
class Act:
    """Something that an account does in a request."""

    by: UUID
    now: datetime
    correlation_id: UUID

    @property
    def context(self) -> Context:
        """What the events that it causes carry along."""
        return Context.begin(self.correlation_id)

    def record(
        self,
        action: str,
        subject: str,
        subject_id: UUID | str,
        institution: str | None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Write it down, in the transaction that it is done in."""
        services.record(
            by=self.by,
            action=action,
            subject=subject,
            subject_id=subject_id,
            institution=institution,
            now=self.now,
            correlation_id=self.correlation_id,
            details=details,
        )


def act_of(request: HttpRequest, principal: Principal) -> Act:
    """Return what `principal` is about to do in `request`."""
    return Act(principal.subject, clock.now(), correlation_id_of(request))
