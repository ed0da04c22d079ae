"""Being the one writer of an upload: wait for it, stay it while bytes arrive, notice when another is, let go.

A request takes the place of one whose process is dead, or whose client sends nothing for a lease's time: a broken
connection that nobody closed. A client that sends keeps its place, and the second one is told so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import structlog

from dataplatform.problems import Problem
from ingest_svc.problems import problem
from ingest_svc.transactions import DatabaseUnavailableError
from ingest_svc.tus import ledger
from ingest_svc.tus.ledger import LEASE_SECONDS, Contents, TusUpload
from ingest_svc.tus.workshop import Workshop

BEAT_SECONDS: Final = LEASE_SECONDS / 3
PATIENCE_SECONDS: Final = LEASE_SECONDS + BEAT_SECONDS + 1
"""How long a request waits to become the writer: the lease of a dead or silent one has ended by then."""
HEAD_PATIENCE_SECONDS: Final = 2.0
"""How long a question for the offset waits for a writer that is just putting away its last bytes."""
POLL_SECONDS: Final = 0.05

_log = structlog.get_logger(__name__)


class Hold:
    """The right to write one upload, and what it was when that right was taken."""

    def __init__(self, workshop: Workshop, upload: TusUpload, contents: Contents) -> None:
        self.upload = upload
        self.contents = contents
        self.numbers_used = upload.numbers_used
        self._workshop = workshop
        self._heard = True
        self._busy = 0
        self.on_lost: Callable[[Problem], None] = lambda _: None

    @property
    def id(self) -> UUID:
        """The upload's id."""
        return self.upload.upload_id

    @property
    def fence(self) -> int:
        """What every change of the upload names."""
        return self.upload.fence

    @property
    def is_placed(self) -> bool:
        """Whether every byte was where it belongs when the right was taken, and only the end is missing."""
        has_object = bool(self.contents.parts) or self.upload.sha256 is not None
        return self.upload.is_whole and not self.contents.tails and has_object

    def heard(self) -> None:
        """Note that the client is there."""
        self._heard = True

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Stay the writer for work that is not the client's to speed up."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self.heard()

    async def keep(self) -> None:
        """Renew the lease while there is life, until cancelled; ends when another writer is noticed."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            active, self._heard = self._busy > 0 or self._heard, False
            if not await self._renewed(active=active):
                self.on_lost(problem("upload_taken_over"))
                return

    async def _renewed(self, *, active: bool) -> bool:
        async def write(connection: Any) -> bool:
            return await ledger.renew(connection, self.id, self.fence, active=active)

        try:
            return await self._workshop.transactions.run(write)
        except DatabaseUnavailableError as error:
            _log.warning("tus.lease_not_renewed", upload_id=str(self.id), error=str(error))
            return True  # what is written next will tell

    async def release(self) -> None:
        """Let the next writer in at once; where the database is away the lease ends by itself."""

        async def write(connection: Any) -> None:
            await ledger.let_go(connection, self.id, self.fence, self.numbers_used)

        try:
            await self._workshop.transactions.run(write)
        except DatabaseUnavailableError as error:
            _log.warning("tus.lease_left_to_end", upload_id=str(self.id), error=str(error))


@asynccontextmanager
async def holding(
    workshop: Workshop, upload_id: UUID, *, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[Hold | None]:
    """Give the right to write an upload; None where it has ended. Raises the problem `upload_locked`."""
    hold = await _acquire(workshop, upload_id, patience_seconds)
    if hold is None:
        yield None
        return
    keeper = asyncio.create_task(hold.keep())
    try:
        yield hold
    finally:
        keeper.cancel()
        await asyncio.shield(hold.release())


async def _acquire(workshop: Workshop, upload_id: UUID, patience_seconds: float) -> Hold | None:
    async def attempt(connection: Any) -> tuple[TusUpload | None, Contents, bool]:
        upload = await ledger.acquire(connection, upload_id)
        if upload is not None:
            return upload, await ledger.contents(connection, upload_id), True
        current = await ledger.find(connection, upload_id)
        return None, Contents((), ()), current is not None and current.state == "receiving"

    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    while True:
        upload, contents, is_open = await workshop.transactions.run(attempt)
        if upload is not None:
            return Hold(workshop, upload, contents)
        if not is_open:
            return None
        if loop.time() > deadline:
            raise problem("upload_locked", headers={"Retry-After": str(round(LEASE_SECONDS))})
        await asyncio.sleep(POLL_SECONDS)


async def settled(workshop: Workshop, upload_id: UUID) -> None:
    """Wait for a moment while somebody writes an upload: often it is the end of a broken connection being put away."""

    async def ask(connection: Any) -> bool:
        return await ledger.is_held(connection, upload_id)

    loop = asyncio.get_running_loop()
    deadline = loop.time() + HEAD_PATIENCE_SECONDS
    while await workshop.transactions.run(ask):
        if loop.time() > deadline:
            return
        await asyncio.sleep(POLL_SECONDS)
