"""Clients that hold connections and send nothing worth it are cut off, each with an answer, and nobody else waits."""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from harness.person import Person
from harness.platform import Platform

from dataplatform_stack.services.processes import memory_bytes

MIB = 1 << 20
HEADER_SECONDS, BODY_SECONDS = 40, 100
GROWTH_BYTES = 64 * MIB
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class End:
    """How a slow client was ended: the status and code it was answered with, 0 where it was only hung up on."""

    status: int
    code: str
    seconds: float


async def drip(platform: Platform, head: Iterable[str], *, body: bool, seconds: float) -> End:
    """Send a head, or a part of one, then a byte or a line a second, until the other side has had enough."""
    target, began = urlsplit(platform.url), time.monotonic()
    reader, writer = await asyncio.open_connection(str(target.hostname), int(target.port or 80))
    writer.write("\r\n".join(head).encode() + b"\r\n" + (b"\r\n" if body else b""))
    answer = asyncio.ensure_future(reader.read())  # the end of what is said: then the connection is closed
    with suppress(ConnectionError):
        while not answer.done() and time.monotonic() - began < seconds:
            writer.write(b"x" if body else b"X-Drip: 1\r\n")
            await asyncio.wait([answer], timeout=1)
    writer.close()
    if not answer.done():
        answer.cancel()
        raise AssertionError(f"still connected after {seconds} s")
    said = b""
    with suppress(ConnectionError):
        said = answer.result()
    first, _, rest = said.partition(b"\r\n")
    told = json.loads(rest.partition(b"\r\n\r\n")[2]) if b"problem+json" in rest else {}
    return End(int(first.split()[1]) if first else 0, told.get("code", ""), time.monotonic() - began)


def plain(person: Person, number: int) -> list[str]:
    """Return the head of an upload in one piece, longer than it will ever get."""
    return [
        f"POST /v1/institutions/demo/datasets/slow-{number % 8}/uploads HTTP/1.1",
        "Host: test",
        f"Authorization: Bearer {person.token}",
        "Content-Length: 100000",
        "Connection: close",
    ]


def resumable(person: Person, number: int) -> list[str]:
    """Begin a resumable upload, and return the head of the request that would send its bytes."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "100000"}
    begun = person.http.post(f"/v1/institutions/demo/datasets/slow-{number % 8}/tus", headers=headers)
    return [
        f"PATCH {begun.headers['location']} HTTP/1.1",
        "Host: test",
        f"Authorization: Bearer {person.token}",
        "Tus-Resumable: 1.0.0",
        "Upload-Offset: 0",
        "Content-Type: application/offset+octet-stream",
        "Content-Length: 100000",
        "Connection: close",
    ]


async def hold(platform: Platform, person: Person, *, headers: int, bodies: int) -> list[End]:
    """Have so many slow clients at once; the first ends are those of the headers."""
    heads = [plain(person, number) if number % 2 else resumable(person, number) for number in range(bodies)]
    dripped = (drip(platform, ["PATCH /v1/tus/x HTTP/1.1", "Host: test"], body=False, seconds=HEADER_SECONDS)
               for _ in range(headers))  # fmt: skip
    sent = (drip(platform, head, body=True, seconds=BODY_SECONDS) for head in heads)
    return list(await asyncio.gather(*dripped, *sent))


async def test_clients_that_drip_their_headers_are_cut_off(platform: Platform, person: Person) -> None:
    ends = await hold(platform, person, headers=10, bodies=0)
    assert all(end.seconds < HEADER_SECONDS for end in ends)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_hundreds_of_slow_clients_are_each_ended_while_others_are_served(
    platform: Platform, person: Person
) -> None:
    watched = [name for name in platform.roles if name.startswith("ingest-api")] + ["caddy"]
    before = {name: memory_bytes(platform.pid(name)) for name in watched}
    holding = asyncio.create_task(hold(platform, person, headers=150, bodies=150))
    waits, peak, dataset = list[float](), dict(before), f"quick-{secrets.token_hex(4)}"
    while not holding.done():
        began = time.monotonic()
        content = f"a,b\n1,{len(waits)}\n".encode()
        answer = await asyncio.to_thread(person.upload, content, "quick.csv", dataset=dataset)
        assert answer.status_code == 201, answer.text
        waits.append(time.monotonic() - began)
        peak = {name: max(peak[name], memory_bytes(platform.pid(name))) for name in watched}
        await asyncio.wait([holding], timeout=0.5)
    ends = await holding
    told = Counter((end.status, end.code) for end in ends[150:])
    grown = {name: f"{(peak[name] - before[name]) / MIB:.0f} MiB" for name in watched}
    print(f"{len(waits)} served, slowest {max(waits):.2f} s; grown {grown}; bodies {told}; "
          f"headers {Counter(end.status for end in ends[:150])}")  # fmt: skip
    assert told == {(408, "stalled_body"): 150}
    assert max(waits) < PATIENCE_SECONDS
    assert all(peak[name] - before[name] < GROWTH_BYTES for name in watched), grown
