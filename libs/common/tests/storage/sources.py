"""Sources of bytes for the tests, good and bad ones."""

import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

MIB = 1 << 20


async def chunks_of(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def broken_after(data: bytes, error: BaseException) -> AsyncIterator[bytes]:
    async for chunk in chunks_of(data):
        yield chunk
    raise error


@dataclass
class Generated:
    """`size` bytes that do not repeat within 1 MiB, never all in memory, hashed while they are given."""

    size: int
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    async def chunks(self) -> AsyncIterator[bytes]:
        block = random.Random(7).randbytes(MIB)
        for start in range(0, self.size, MIB):
            chunk = block[: self.size - start]
            self.digest.update(chunk)
            yield chunk
