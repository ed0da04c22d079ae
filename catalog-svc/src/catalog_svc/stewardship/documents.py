"""Documents that stewards' words are kept in: stored under their hash, so what an event points at never changes."""

from collections.abc import AsyncIterator
from hashlib import sha256

from catalog_svc.objects import documents, unavailable
from dataplatform.events.base import ObjectRef
from dataplatform.storage.errors import ObjectStoreUnavailableError


async def stored(folder: str, body: bytes) -> ObjectRef:
    """Store a document in a folder and return where it is; raises a 503 problem."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    digest = sha256(body).hexdigest()
    key = f"{folder}/{digest}"
    try:
        await (await documents.store()).put(key, chunks())
    except ObjectStoreUnavailableError as error:
        raise unavailable("object_store_unavailable", "the object store does not answer") from error
    return ObjectRef(key=key, sha256=digest, size_bytes=len(body))
