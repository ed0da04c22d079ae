"""Questions about where uploads are. What a principal may not know of does not exist for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.identity import Principal
from ingest_svc.commands import UnknownUploadError
from ingest_svc.transactions import Transactions

_ONE: Final = "SELECT * FROM upload_progress WHERE upload_id = $1"
_CHANGES: Final = """
SELECT p.institution, p.final, p.change AS latest, c.change, c.snapshot
FROM upload_progress p LEFT JOIN upload_changes c ON c.upload_id = p.upload_id AND c.change > $2
WHERE p.upload_id = $1 ORDER BY c.change LIMIT 1000
"""
_LIST: Final = """
SELECT upload_id, institution, dataset, file_name, state, stage, final, received_bytes, size_bytes, snapshot, began_at
FROM upload_progress
WHERE institution = $1 AND ($2::text IS NULL OR dataset = $2) AND ($3::text IS NULL OR stage = $3)
  AND ($4::timestamptz IS NULL OR (began_at, upload_id) < ($4, $5::uuid))
ORDER BY began_at DESC, upload_id DESC LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered change of what is shown of an upload."""

    number: int
    snapshot: dict[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What came after a change: in order, and whether anything can follow. `latest` is the number of the last one."""

    changes: tuple[Change, ...]
    latest: int
    final: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Reads the projection."""

    transactions: Transactions

    async def of(self, principal: Principal, upload_id: UUID) -> dict[str, Any]:
        """Return the row of an upload; raises `UnknownUploadError`."""

        async def ask(connection: Any) -> Any:
            return await connection.fetchrow(_ONE, upload_id)

        row = await self.transactions.run(ask)
        if row is None or not may_see(principal, row["institution"]):
            raise UnknownUploadError
        return dict(row)

    async def since(self, principal: Principal, upload_id: UUID, change: int) -> News:
        """Return the changes of an upload after number `change`; raises `UnknownUploadError`."""

        async def ask(connection: Any) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(_CHANGES, upload_id, change)
            return rows

        rows = await self.transactions.run(ask)
        if not rows or not may_see(principal, rows[0]["institution"]):
            raise UnknownUploadError
        changes = tuple(Change(row["change"], row["snapshot"]) for row in rows if row["change"] is not None)
        return News(changes, rows[0]["latest"], rows[0]["final"])

    async def listed(
        self,
        institution: str,
        dataset: str | None,
        stage: str | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Return uploads of an institution, latest first, from the one after `after` on."""
        began_at, upload_id = after or (None, None)

        async def ask(connection: Any) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(_LIST, institution, dataset, stage, began_at, upload_id, limit)
            return rows

        return [dict(row) for row in await self.transactions.run(ask)]


def may_see(principal: Principal, institution: str) -> bool:
    """Whether what belongs to an institution exists for a principal."""
    return principal.knows(institution) and principal.may("reader", institution)
