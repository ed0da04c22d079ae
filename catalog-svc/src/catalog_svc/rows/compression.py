"""Streams of bytes packed while they are sent."""

from collections.abc import AsyncIterator
from typing import Final, Literal

from catalog_svc.rows.exports import Pieces

Compression = Literal["none", "gzip", "zstd"]
SUFFIX: Final = {"none": "", "gzip": ".gz", "zstd": ".zst"}


async def compressed(pieces: AsyncIterator[bytes], how: Compression) -> AsyncIterator[bytes]:
    """Yield the pieces packed; of `none`, as they are."""
    if how == "none":
        async for piece in pieces:
            yield piece
        return
    import pyarrow as pa  # noqa: PLC0415 - only whoever downloads pays for it

    sink = Pieces()
    with pa.CompressedOutputStream(sink, how) as packer:
        async for piece in pieces:
            packer.write(piece)
            if packed := sink.take():
                yield packed
    yield sink.take()
