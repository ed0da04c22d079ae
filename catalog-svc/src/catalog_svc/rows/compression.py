"""Streams of bytes packed while they are sent."""

import zlib
from collections.abc import AsyncIterator
from typing import Final, Literal

from catalog_svc.rows.exports import Pieces

Compression = Literal["none", "gzip", "zstd"]
SUFFIX: Final = {"none": "", "gzip": ".gz", "zstd": ".zst"}

_GZIP: Final = 31
_LEVEL: Final = 4
"""Of gzip: five times as fast as level 9 for a tenth more bytes."""


async def compressed(pieces: AsyncIterator[bytes], how: Compression) -> AsyncIterator[bytes]:
    """Yield the pieces packed; of `none`, as they are."""
    if how == "none":
        async for piece in pieces:
            yield piece
        return
    if how == "gzip":
        packing = zlib.compressobj(_LEVEL, wbits=_GZIP)
        async for piece in pieces:
            if some := packing.compress(piece):
                yield some
        yield packing.flush()
        return
    import pyarrow as pa  # noqa: PLC0415 - only whoever downloads pays for it

    sink = Pieces()
    with pa.CompressedOutputStream(sink, how) as packer:
        async for piece in pieces:
            packer.write(piece)
            if packed := sink.take():
                yield packed
    yield sink.take()
