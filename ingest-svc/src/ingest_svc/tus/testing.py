"""A client that speaks tus, for tests: every answer is theirs to look at. Never a part of a deployment."""

from base64 import b64encode
from typing import Any

import asyncpg
import httpx

from dataplatform.storage import ObjectStore

CREATION = "/v1/institutions/aq/datasets/air-quality/tus"
CONTENT_TYPE = "application/offset+octet-stream"
MIB = 1 << 20


class TusClient:
    """Requests of the protocol, below one address of creation."""

    def __init__(self, http: httpx.AsyncClient, path: str = CREATION) -> None:
        self.http = http
        self.path = path

    async def create(self, length: int | None = None, content: Any = None, **headers: str) -> httpx.Response:
        """Ask for an upload; `headers` are named with underscores."""
        told = {"Tus-Resumable": "1.0.0", **_named(headers)}
        if length is not None:
            told["Upload-Length"] = str(length)
        if content is not None:
            told.setdefault("Content-Type", CONTENT_TYPE)
        return await self.http.post(self.path, headers=told, content=content)

    async def begun(self, length: int | None = None, content: Any = None, **headers: str) -> str:
        """Create an upload and return its address."""
        answer = await self.create(length, content, **headers)
        answer.raise_for_status()
        return str(answer.headers["location"])

    async def head(self, location: str) -> httpx.Response:
        """Ask where an upload stands."""
        return await self.http.head(location, headers={"Tus-Resumable": "1.0.0"})

    async def offset(self, location: str) -> int:
        """Return where an upload stands."""
        answer = await self.head(location)
        answer.raise_for_status()
        return int(answer.headers["upload-offset"])

    async def patch(self, location: str, offset: int, content: Any, **headers: str) -> httpx.Response:
        """Send bytes."""
        told = {"Tus-Resumable": "1.0.0", "Content-Type": CONTENT_TYPE, "Upload-Offset": str(offset), **_named(headers)}
        return await self.http.patch(location, headers=told, content=content)

    async def delete(self, location: str) -> httpx.Response:
        """End an upload."""
        return await self.http.delete(location, headers={"Tus-Resumable": "1.0.0"})


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def encoded(value: str | bytes) -> str:
    """Return a value as `Upload-Metadata` carries it."""
    return b64encode(value.encode() if isinstance(value, str) else value).decode()


class Kept:
    """What is kept in the store and the log after all."""

    def __init__(self, pool: asyncpg.Pool, store: ObjectStore) -> None:
        self._pool = pool
        self._store = store

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects."""
        return [stat.key async for stat in self._store.list(prefix)]

    async def events(self) -> list[Any]:
        """Return all events."""
        return list(await self._pool.fetch("SELECT type, stream_id, data FROM events ORDER BY position"))

    async def content(self, key: str) -> bytes:
        """Return the bytes of an object."""
        return b"".join([chunk async for chunk in self._store.stream(key)])

    async def rows(self, sql: str, *values: object) -> list[Any]:
        """Return what the database answers."""
        return list(await self._pool.fetch(sql, *values))

    async def delete(self, key: str) -> None:
        """Delete an object."""
        await self._store.delete(key)

    async def original(self) -> bytes:
        """Return the bytes of the one upload that was received."""
        (event,) = [event for event in await self.events() if event["type"] == "upload.received.v1"]
        return await self.content(event["data"]["original"]["key"])
