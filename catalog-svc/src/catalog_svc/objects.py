"""The object store of this process: opened at the first use, on the event loop that serves requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

from catalog_svc.settings import settings
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem
from dataplatform.storage.errors import ObjectNotFoundError, ObjectStoreUnavailableError
from dataplatform.storage.interface import ObjectStore

MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024


class Objects:
    """Hands out the store and streams of objects; faults of the store become problems."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._store: ObjectStore | None = None
        self._lock = asyncio.Lock()

    async def store(self) -> ObjectStore:
        """Return the open store."""
        async with self._lock:
            if self._store is None:
                # imported at the first use: the client takes 40 MB, and `web` hardly ever needs it
                from dataplatform.storage.opening import open_store  # noqa: PLC0415

                self._store = await self._stack.enter_async_context(open_store(settings()))
            return self._store

    async def pieces(self, reference: ObjectRef, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes of an object as they come; raises 404 and 503 problems before the first."""
        found = (await self.store()).stream(reference.key, start, end)
        try:
            first = await anext(found, b"")
        except ObjectNotFoundError as error:
            raise Problem("object_gone", "Object gone", 404, "the object is not stored any more") from error
        except ObjectStoreUnavailableError as error:
            raise unavailable("object_store_unavailable", "the object store does not answer") from error

        async def rest() -> AsyncIterator[bytes]:
            try:
                yield first
                async for piece in found:
                    yield piece
            finally:
                await found.aclose()

        return rest()

    async def read(self, reference: ObjectRef) -> Any:
        """Return a JSON document."""
        if reference.size_bytes > MAX_DOCUMENT_BYTES:
            raise Problem("document_too_large", "Document too large", 413, "ask for it as a download")
        return json.loads(b"".join([piece async for piece in await self.pieces(reference)]))

    async def close(self) -> None:
        """Close the store."""
        await self._stack.aclose()
        self._store = None


documents: Final = Objects()


def unavailable(code: str, detail: str) -> Problem:
    """Return the problem for a dependency that is away for now."""
    return Problem(code, "Unavailable for now", 503, detail, headers={"Retry-After": "5"})
