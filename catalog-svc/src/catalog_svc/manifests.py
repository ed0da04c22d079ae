"""What publishing needs of the object store: addresses of objects, and a place for what is too long for an event."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256
from typing import Final

from catalog_svc.projections.policy import Storage
from catalog_svc.settings import CatalogSettings
from dataplatform.events.base import ObjectRef

PUT_TIMEOUT_SECONDS: Final = 30


def storage(settings: CatalogSettings, loop: asyncio.AbstractEventLoop) -> Storage:
    """Return what publishing needs of the object store, for use on another thread than the loop's."""

    def put(key: str, body: bytes) -> ObjectRef:
        return asyncio.run_coroutine_threadsafe(_put(settings, key, body), loop).result(PUT_TIMEOUT_SECONDS)

    return Storage(partial(uri, settings.object_store_url), put)


def storage_here(settings: CatalogSettings) -> Storage:
    """Return what publishing needs of the object store, for use on a thread without an event loop."""
    return Storage(partial(uri, settings.object_store_url), lambda key, body: asyncio.run(_put(settings, key, body)))


def uri(object_store_url: str, key: str) -> str:
    """Return an object's address for readers outside, as `ObjectStore.uri` does: no store is opened for it."""
    return f"{object_store_url.rstrip('/')}/{key}"


async def _put(settings: CatalogSettings, key: str, body: bytes) -> ObjectRef:
    # imported here: a manifest is rare, and the client of the store takes 40 MB
    from dataplatform.storage import open_store  # noqa: PLC0415

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async with open_store(settings) as store:
        stored = await store.put(key, chunks())
    return ObjectRef(key=key, sha256=sha256(body).hexdigest(), size_bytes=stored.size_bytes)
