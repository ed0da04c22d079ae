"""The tables of other datasets that a contract refers to, fetched for an assessment, as far as there are limits for it.

What is not fetched is "not at hand": the clause is not evaluated, and says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from dataplatform.events.processing import RunCompleted
from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxFailure
from dataplatform.jobs.worker import JobFailedError
from dataplatform.storage import ObjectStore
from quality_svc import domain
from quality_svc.history import StoredTable
from quality_svc.references import chosen, foreign_table

TARGET: Final = "quality_svc.contracts.foreign:list_tables"
MOST_TABLES: Final = 16
MOST_BYTES: Final = 1 << 30
"""Of all foreign tables of an assessment together."""
_MARK: Final = b".yaml#"
"""What every reference to another contract has: without it nothing has to be read."""

TablesOf = Callable[[str, str], Awaitable[tuple[StoredTable, ...]]]
"""Returns the newest tables of a dataset, by the slugs of institution and dataset."""


class Referring:
    """Finds and fetches foreign tables. The contract is read in the sandbox: it comes from outside."""

    def __init__(self, store: ObjectStore, sandbox: Sandbox, tables_of: TablesOf, limits: Limits) -> None:
        self._store = store
        self._sandbox = sandbox
        self._tables_of = tables_of
        self._limits = limits

    async def fetch(self, run: RunCompleted, contract: Path, folder: Path) -> dict[str, list[str]]:
        """Return the local parts of each foreign table of a contract, by the name that references give it."""
        institution = domain.institution_of(run)
        if institution is None or not await asyncio.to_thread(_refers, contract):
            return {}
        found: dict[str, list[str]] = {}
        left = MOST_BYTES
        for number, name in enumerate((await self._names(contract))[:MOST_TABLES]):
            table = await self._table(institution, name)
            size = sum(part.size_bytes for part in table.parts) if table else 0
            if table is None or size > left:
                continue
            left -= size
            paths = [folder / f"foreign-{number}-{place}.parquet" for place in range(len(table.parts))]
            for part, path in zip(table.parts, paths, strict=True):
                await self._store.get_file(part.key, path, sha256=part.sha256)
            found[name] = list(map(str, paths))
        return found

    async def _names(self, contract: Path) -> list[str]:
        argument: dict[str, Any] = {"path": str(contract)}
        try:
            found = await self._sandbox.run(
                TARGET, argument, self._limits, lambda _: None, output_folder=contract.parent, fresh=True
            )
        except SandboxFailure as failure:
            raise JobFailedError(failure.code, failure.detail) from failure
        names: list[str] = found["tables"]
        return names

    async def _table(self, institution: str, name: str) -> StoredTable | None:
        wanted = foreign_table(name)
        if wanted is None or wanted.institution not in {None, institution}:
            return None
        tables = await self._tables_of(institution, wanted.dataset)
        place = chosen(wanted.table, [table.name for table in tables])
        return None if place is None else tables[place]


def _refers(contract: Path) -> bool:
    return _MARK in contract.read_bytes()
