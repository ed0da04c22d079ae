"""Unpacks compressed originals into scratch, capped by bytes and by ratio: a bomb is refused, not swallowed."""

from pathlib import Path
from typing import IO, Final, Protocol

from dataplatform_formats.streams import DAMAGE, Stream, open_stream
from processing_svc.handlers.interface import Budget, HandlerError, Original

CHUNK_BYTES: Final = 1 << 20
STREAMS: Final[dict[str, Stream]] = {
    "gzip": "gzip", "gz": "gzip", "x-gzip": "gzip", "bzip2": "bzip2", "bz2": "bzip2", "xz": "xz", "zstd": "zstd",
    "zst": "zstd",
}  # fmt: skip
"""Every name of a compression that is read, and the stream it stands for."""


class Readable(Protocol):
    """What every decompressor gives."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` unpacked bytes; none at the end."""
        ...


class Allowance:
    """How many bytes one original may unpack to, in all and whatever it is nested in."""

    def __init__(self, packed_bytes: int, budget: Budget) -> None:
        self._packed_bytes = packed_bytes
        self._allowed = min(budget.unpacked_bytes, max(budget.free_bytes, packed_bytes * budget.ratio))
        self._spent = 0

    def spend(self, size_bytes: int) -> None:
        """Count unpacked bytes; raises `HandlerError` `decompression_limit_exceeded`."""
        self._spent += size_bytes
        if self._spent > self._allowed:
            raise HandlerError(
                "decompression_limit_exceeded",
                f"{self._packed_bytes} packed bytes unpack to more than the {self._allowed} bytes that are allowed",
            )


def unpacked(original: Original) -> Path:
    """Return the path of the original's plain bytes: itself, or a copy unpacked into scratch.

    Raises `HandlerError` with `unsupported_compression`, `decompression_limit_exceeded` or `corrupt_file`.
    """
    if original.compression in (None, "", "none", "identity"):
        return original.path
    stream = STREAMS.get(str(original.compression))
    if stream is None:
        raise HandlerError("unsupported_compression", f"the compression {original.compression!r} is not supported")
    target = original.scratch / "unpacked"
    unpack_stream(original.path, stream, target, Allowance(original.path.stat().st_size, original.budget))
    return target


def unpack_stream(source: Path, stream: Stream, target: Path, allowance: Allowance) -> None:
    """Write the plain bytes of a compressed stream to `target`; raises `HandlerError`."""
    try:
        with source.open("rb") as packed, target.open("wb") as sink, open_stream(packed, stream) as plain:
            copy(plain, sink, allowance)
    except DAMAGE as error:
        raise HandlerError("corrupt_file", f"the {stream} data is damaged or cut off: {error}") from error


def copy(source: Readable, sink: IO[bytes], allowance: Allowance | None) -> None:
    """Copy to the end, within the allowance (None: the bytes are not unpacked here, so they are not counted)."""
    while chunk := source.read(CHUNK_BYTES):
        if allowance is not None:
            allowance.spend(len(chunk))
        sink.write(chunk)
