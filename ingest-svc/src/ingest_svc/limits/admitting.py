"""The one door that every upload passes, whatever protocol brings it."""

from dataclasses import dataclass
from uuid import UUID

from starlette.types import Scope

from dataplatform.identity import Principal
from ingest_svc.limits.quotas import Admission, InstitutionLimits, Quotas
from ingest_svc.limits.rates import Policy, Rates
from ingest_svc.settings import IngestSettings

REQUESTS = "requests"
UPLOADS = "uploads"
PROCESSING_REQUESTS = "processing-requests"
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates and quotas together; one per application, at `app.state.limits`."""

    rates: Rates
    quotas: Quotas

    async def admit(
        self,
        scope: Scope,
        principal: Principal,
        institution: str,
        upload_id: UUID,
        size_bytes: int | None,
        *,
        hold_seconds: float = 3600.0,
    ) -> Admission:
        """Let a new upload in, or raise the problem of the limit in its way; see `Quotas.admit`.

        Whoever admits also ends it: `quotas.settle` in the transaction that writes the upload down, or `release`.
        """
        await self.rates.take(scope, principal.subject, UPLOADS)
        return await self.quotas.admit(principal, institution, upload_id, size_bytes, hold_seconds=hold_seconds)

    async def grow(
        self, principal: Principal, institution: str, upload_id: UUID, size_bytes: int | None, *, hold_seconds: float
    ) -> Admission:
        """Hold on to an upload under way: with the size that became known, or for longer. Not counted as a request."""
        return await self.quotas.admit(principal, institution, upload_id, size_bytes, hold_seconds=hold_seconds)

    async def release(self, upload_id: UUID) -> None:
        """Let go of an upload that came to nothing: ended, expired, refused. Again is harmless."""
        await self.quotas.release(upload_id)


def rate_policies(settings: IngestSettings) -> tuple[Policy, ...]:
    """Return the rates that one account has."""
    return (
        Policy(REQUESTS, settings.rate_requests_per_minute, _MINUTE),
        Policy(UPLOADS, settings.rate_uploads_per_minute, _MINUTE),
        Policy(PROCESSING_REQUESTS, settings.rate_processing_requests_per_minute, _MINUTE),
    )


def default_limits(settings: IngestSettings) -> InstitutionLimits:
    """Return what an institution may use that has no limits of its own."""
    return InstitutionLimits(
        settings.max_upload_bytes,
        settings.quota_bytes_stored,
        settings.quota_bytes_per_day,
        settings.quota_uploads_in_flight,
    )
