"""Connections cut at every kind of byte, over two replicas: offsets are exact, and the object is the file.

The seed is printed with a failure; `CUT_SEED` and `CUT_TRIES` set them. `make tus-cuts` does 1,000 tries.
"""

import asyncio
import hashlib
import os
import random
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from dataplatform.identity import TokenVerifier
from dataplatform.identity.testing import LocalIssuer
from dataplatform.storage import ObjectStore
from dataplatform.telemetry import Health
from ingest_svc.app import create_app
from ingest_svc.settings import IngestSettings
from ingest_svc.tus.testing import CONTENT_TYPE, MIB, Kept, TusClient
from ingest_svc.tus.workshop import PART_BYTES

pytestmark = pytest.mark.integration

TRIES = int(os.environ.get("CUT_TRIES", "1000"))
SEED = int(os.environ.get("CUT_SEED", random.SystemRandom().randrange(1 << 32)))
MIN_PART = 5 * MIB
EDGES = (0, 1, 63, 64, 65_536, MIN_PART, PART_BYTES, MIN_PART + PART_BYTES, 2 * PART_BYTES)
KINDS = ("before the first byte", "mid-part", "at an edge", "before the reply", "none", "chunk", "proven")
LONG = timedelta(hours=2)


@dataclass(frozen=True)
class Cut:
    """One request: `sent` of `announced` bytes of the body, then the connection ends, with or without the answer."""

    kind: str
    announced: int
    sent: int
    hears: bool
    proven: bool = False


def cut(chance: random.Random, left: int) -> Cut:
    kind = chance.choice(KINDS)
    announced = left if chance.random() < 0.6 else chance.randint(0, left)
    edge = min(announced, max(0, chance.choice(EDGES) + chance.choice((-1, 0, 1))))
    sent = {"before the first byte": 0, "mid-part": chance.randint(0, announced), "at an edge": edge}
    if kind in sent:
        return Cut(kind, announced, sent[kind], hears=False)
    if kind == "proven":
        whole = chance.random() < 0.5
        return Cut(kind, edge, edge if whole else chance.randint(0, edge), hears=whole, proven=True)
    if kind == "chunk":
        return Cut(kind, edge, edge, hears=True)
    return Cut(kind, announced, announced, hears=kind == "none")


@pytest.fixture
async def addresses(
    address: str, settings: IngestSettings, pool: asyncpg.Pool, store: ObjectStore, serving: Any
) -> AsyncIterator[tuple[str, str]]:
    """Two replicas of the service."""
    verifier = TokenVerifier(settings.jwks_address, settings.issuer)
    async with serving(create_app(settings, pool, store, verifier, Health())) as second:
        yield address, second


class Client:
    """Sends requests that end as they are told to."""

    def __init__(self, addresses: tuple[str, str], token: str, chance: random.Random) -> None:
        self._addresses = addresses
        self._token = token
        self._chance = chance

    async def patch(self, location: str, offset: int, body: memoryview, one: Cut) -> int | None:
        """Return the status, where it was heard."""
        target = urlsplit(self._chance.choice(self._addresses))
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        checksum = b64encode(hashlib.sha1(body[: one.announced]).digest()).decode()  # noqa: S324
        head = (
            f"PATCH {location} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {self._token}\r\n"
            f"Tus-Resumable: 1.0.0\r\nContent-Type: {CONTENT_TYPE}\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {one.announced}\r\n" + (f"Upload-Checksum: sha1 {checksum}\r\n" if one.proven else "")
        )
        writer.write(head.encode() + b"\r\n")
        status = None
        try:
            writer.write(body[: one.sent])
            await writer.drain()
            if one.hears:
                status = int((await asyncio.wait_for(reader.readline(), 60)).split()[1])
        except ConnectionError:
            status = None
        if self._chance.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()
        return status


async def one_upload(
    number: int, chance: random.Random, block: bytes, tus: TusClient, client: Client, kept: Kept
) -> None:
    size = max(1, chance.choice((*EDGES, 40, 3 * MIB, 11 * MIB)) + chance.choice((-2, -1, 0, 1, 2, 1000)))
    start = chance.randrange(len(block) - size)
    content = memoryview(block)[start : start + size]
    one_tus = TusClient(tus.http, f"/v1/institutions/aq/datasets/cuts-{number}/tus")
    location = await one_tus.begun(size)
    offset, furthest, log, left = 0, 0, list[Any](), chance.randint(1, 4)
    while offset < size:
        step = cut(chance, size - offset) if left else Cut("end", size - offset, size - offset, hears=True)
        status = await client.patch(location, offset, content[offset:], step)
        log.append((step, status))
        assert not (step.hears and step.sent == step.announced) or status in (204, 409, 422, 423), (size, log)
        now = await one_tus.offset(location)
        if status == 204:
            assert now >= offset + step.announced, (size, log, now)
        # a request that was cut may still be read by its replica when the next one asks
        furthest = max(furthest, offset + step.sent)
        assert offset <= now <= furthest, (size, log, now)
        offset, left = now, max(0, left - 1)
        assert len(log) < 60, (size, log)
    await assert_is(content, location, one_tus, kept, log)


async def assert_is(content: memoryview, location: str, tus: TusClient, kept: Kept, log: list[Any]) -> None:
    upload_id = UUID(location.rpartition("/")[2])
    head = await tus.head(location)
    assert head.headers["upload-outcome"] in ("received", "rejected"), log
    (row,) = await kept.rows("SELECT sha256, offset_bytes FROM tus_uploads WHERE upload_id = $1", upload_id)
    digest = hashlib.sha256(content).hexdigest()
    assert (row["sha256"], row["offset_bytes"]) == (digest, len(content)), log
    (event,) = await kept.rows("SELECT type, data FROM events WHERE stream_id = $1", f"upload:{upload_id}")
    if event["type"] == "upload.received.v1":
        original = event["data"]["original"]
        assert original["sha256"] == digest
        assert hashlib.sha256(await kept.content(original["key"])).hexdigest() == digest, log
        await kept.delete(original["key"])
    assert await kept.keys(f"incoming/{upload_id}") == [], log


async def storm(tries: int, tus: TusClient, issuer: LocalIssuer, addresses: tuple[str, str], kept: Kept) -> None:
    print(f"seed {SEED}, {tries} tries")  # noqa: T201 - to do it again
    chance = random.Random(SEED)
    rows = "".join(f"{n},{n * n},Žluť {n % 97}\n" for n in range(60_000)).encode()
    block = rows * (2 + 24 * MIB // len(rows))
    client = Client(addresses, issuer.token({"aq": ["uploader"]}, lifetime=LONG, subject=UUID(int=7)), chance)
    for number in range(tries):
        await one_upload(number, chance, block, tus, client, kept)


async def test_forty_tries(tus: TusClient, issuer: LocalIssuer, addresses: tuple[str, str], kept: Kept) -> None:
    await storm(40, tus, issuer, addresses, kept)


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_a_thousand_tries(tus: TusClient, issuer: LocalIssuer, addresses: tuple[str, str], kept: Kept) -> None:
    token = issuer.token({"aq": ["uploader"]}, lifetime=LONG, subject=UUID(int=7))
    tus.http.headers["Authorization"] = f"Bearer {token}"
    await storm(TRIES, tus, issuer, addresses, kept)
