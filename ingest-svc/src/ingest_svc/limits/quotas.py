"""Quotas of institutions: bytes stored, bytes a day, uploads in flight, the largest file. The rules are SQL functions.

An upload is admitted before its bytes come, which holds room for it, and settled in the transaction that writes it
down, or released. What nobody ends lapses by itself.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from dataplatform.identity import Principal
from dataplatform.log.postgres import Executor
from dataplatform.problems import Problem
from ingest_svc.problems import problem
from ingest_svc.transactions import Transactions

IN_FLIGHT_RETRY_SECONDS: Final = 5
_CODES: Final = {
    "max_upload_bytes": "file_too_large",
    "uploads_in_flight": "too_many_uploads_in_flight",
    "bytes_stored": "storage_quota_exceeded",
    "bytes_per_day": "daily_quota_exceeded",
}
_ADMIT: Final = "SELECT * FROM quota_admit($1, $2, $3, $4, $5, $6, $7, $8, $9)"


@dataclass(frozen=True, slots=True)
class InstitutionLimits:
    """What one institution may use; sizes in bytes."""

    max_upload_bytes: int
    bytes_stored: int
    bytes_per_day: int
    uploads_in_flight: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one institution uses, with what is held for uploads in flight."""

    bytes_stored: int
    bytes_per_day: int
    uploads_in_flight: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to upload. `max_bytes` is how large the file may be, as limited by `binding`."""

    limits: InstitutionLimits
    usage: Usage
    seconds_to_midnight: float

    @property
    def max_bytes(self) -> int:
        """The most bytes that this upload may have."""
        return min(room for room, _ in self._rooms())

    def too_large(self) -> Problem:
        """Return the problem of a body that turned out to be larger than `max_bytes`."""
        return self.refusal(min(self._rooms())[1])

    def refusal(self, limit: str) -> Problem:
        """Return the problem of a limit being in the way: which, how much is left, when to try again."""
        quota: int = getattr(self.limits, limit)
        used: int = 0 if limit == "max_upload_bytes" else getattr(self.usage, limit)
        left = max(0, quota - used)
        unit = "uploads" if limit == "uploads_in_flight" else "bytes"
        described = {"name": limit, "unit": unit, "quota": quota, "used": used, "remaining": left}
        retry = self._retry_seconds(limit)
        later = f"; try again in {retry} s" if retry is not None else ""
        extra = {"limit": described, "retry_after_seconds": retry, "limit_bytes": self.max_bytes}
        headers = {"Retry-After": str(retry)} if retry is not None else {}
        return problem(_CODES[limit], f"{quota} {unit} are the most, {left} are left{later}", extra, headers)

    def _retry_seconds(self, limit: str) -> int | None:
        """No waiting helps against a file's size, or a store that is full."""
        if limit == "uploads_in_flight":
            return IN_FLIGHT_RETRY_SECONDS
        return max(1, math.ceil(self.seconds_to_midnight)) if limit == "bytes_per_day" else None

    def _rooms(self) -> list[tuple[int, str]]:
        return [
            (self.limits.max_upload_bytes, "max_upload_bytes"),
            (max(0, self.limits.bytes_stored - self.usage.bytes_stored), "bytes_stored"),
            (max(0, self.limits.bytes_per_day - self.usage.bytes_per_day), "bytes_per_day"),
        ]


class Quotas:
    """Admits uploads. `defaults` holds for institutions that have no limits of their own."""

    def __init__(self, pool: asyncpg.Pool, defaults: InstitutionLimits) -> None:
        self._pool = pool
        self._transactions = Transactions(pool, 0.0)
        self.defaults = defaults

    async def admit(
        self,
        principal: Principal,
        institution: str,
        upload_id: UUID,
        size_bytes: int | None,
        *,
        hold_seconds: float,
    ) -> Admission:
        """Hold room for an upload of `size_bytes` (None: not known yet) for `hold_seconds`.

        Asked again for the same upload, with a size that is known by now or only to hold on, it takes what is new.
        Raises the problem of the limit that is in the way, and `DatabaseUnavailableError`.
        """
        defaults = self.defaults

        async def ask(connection: Any) -> Any:
            return await connection.fetchrow(
                _ADMIT,
                institution,
                principal.subject,
                upload_id,
                size_bytes,
                hold_seconds,
                defaults.max_upload_bytes,
                defaults.bytes_stored,
                defaults.bytes_per_day,
                defaults.uploads_in_flight,
            )

        row = await self._transactions.run(ask)
        admission = _admission_of(row)
        if row["refused"] is not None:
            raise admission.refusal(row["refused"])
        return admission

    async def release(self, upload_id: UUID) -> None:
        """Let go of what is held for an upload that came to nothing; again is harmless."""
        await self._pool.execute("DELETE FROM admissions WHERE upload_id = $1", upload_id)

    async def standing(self, institution: str) -> tuple[InstitutionLimits, Usage]:
        """Return what an institution may use, and what it uses."""

        async def ask(connection: Any) -> tuple[InstitutionLimits, Usage]:
            own = await connection.fetchrow("SELECT * FROM institution_limits WHERE institution = $1", institution)
            used = await connection.fetchrow(_USAGE, institution)
            named = {name: own[name] for name in InstitutionLimits.__slots__ if own and own[name] is not None}
            limits = InstitutionLimits(**{name: getattr(self.defaults, name) for name in InstitutionLimits.__slots__}
                                       | named)  # fmt: skip
            return limits, Usage(**{name: int(used[name]) for name in Usage.__slots__})

        return await self._transactions.run(ask)

    async def set(self, institution: str, own: dict[str, int | None], *, by: UUID, now: datetime) -> None:
        """Give an institution limits of its own; None means the default."""

        async def write(connection: Any) -> None:
            await connection.execute(_SET, institution, *(own.get(name) for name in InstitutionLimits.__slots__), by,
                                     now)  # fmt: skip

        await self._transactions.run(write)


_USAGE: Final = """
SELECT coalesce(u.bytes_stored, 0) + held.bytes AS bytes_stored,
       CASE WHEN u.day = (clock_timestamp() AT TIME ZONE 'UTC')::date THEN u.bytes_today ELSE 0 END
           + held.bytes AS bytes_per_day,
       held.uploads AS uploads_in_flight
FROM (SELECT count(*) AS uploads, coalesce(sum(reserved_bytes), 0) AS bytes FROM admissions
      WHERE institution = $1 AND expires_at > clock_timestamp()) AS held
LEFT JOIN institution_usage u ON u.institution = $1
"""

_SET: Final = """
INSERT INTO institution_limits (institution, max_upload_bytes, bytes_stored, bytes_per_day, uploads_in_flight, set_by,
                                set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (institution) DO UPDATE
SET max_upload_bytes = excluded.max_upload_bytes, bytes_stored = excluded.bytes_stored,
    bytes_per_day = excluded.bytes_per_day, uploads_in_flight = excluded.uploads_in_flight, set_by = excluded.set_by,
    set_at = excluded.set_at
"""


async def settle(connection: Executor, institution: str, upload_id: UUID, size_bytes: int, *, kept: bool) -> None:
    """End an admission, in the transaction that writes the upload down: counts what came, and what is `kept`."""
    await connection.execute("SELECT quota_settle($1, $2, $3, $4)", institution, upload_id, size_bytes, kept)


async def give_back(connection: Executor, institution: str, size_bytes: int) -> None:
    """Count the bytes of a withdrawn upload no longer as stored, in the transaction that withdraws it."""
    await connection.execute("SELECT quota_give_back($1, $2)", institution, size_bytes)


def _admission_of(row: Any) -> Admission:
    limits = InstitutionLimits(**{name: row[name] for name in InstitutionLimits.__slots__})
    return Admission(
        limits, Usage(row["used_stored"], row["used_today"], row["used_in_flight"]), row["seconds_to_midnight"]
    )
