"""Cutting a stream of chunks of any size into pieces of a wanted size, counted against a limit. No storage here."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable

from dataplatform.storage.errors import SizeLimitExceededError

Piece = bytes | bytearray


async def pieces(
    chunks: AsyncIterable[Piece], size_of: Callable[[int], int], size_limit: int | None
) -> AsyncGenerator[Piece, None]:
    """Yield pieces of exactly `size_of(index)` bytes, the last one shorter (never empty).

    Raises `SizeLimitExceededError` as soon as the source has given more than `size_limit` bytes.
    """
    piece, index, total = bytearray(), 0, 0
    async for chunk in chunks:
        total += len(chunk)
        if size_limit is not None and total > size_limit:
            raise SizeLimitExceededError(f"the object is larger than the limit of {size_limit} bytes", size_limit)
        offset = 0
        if not piece and len(chunk) == size_of(index):
            yield chunk  # a source that cuts as we do spares a copy of every byte
            index, offset = index + 1, len(chunk)
        while offset < len(chunk):
            taken = min(size_of(index) - len(piece), len(chunk) - offset)
            piece += chunk if taken == len(chunk) else memoryview(chunk)[offset : offset + taken]
            offset += taken
            if len(piece) == size_of(index):
                yield piece
                piece, index = bytearray(), index + 1
    if piece:
        yield piece
