"""Unpacks compressed originals into scratch, capped by bytes and by ratio: a bomb is refused, not swallowed."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

import pyarrow as pa

from processing_svc.handlers.interface import Budget, HandlerError, Original

CHUNK_BYTES: Final = 1 << 20
ENCRYPTED_FLAG: Final = 0x1

_BROKEN = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, pa.ArrowInvalid, NotImplementedError)


class Readable(Protocol):
    """What every decompressor gives."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` unpacked bytes; none at the end."""
        ...


def unpacked(original: Original) -> Path:
    """Return the path of the original's plain bytes: itself, or a copy unpacked into scratch.

    Raises `HandlerError` with `unsupported_compression`, `decompression_limit_exceeded`, `corrupt_file`, or, for zip
    archives, `encrypted_archive` and `unsupported_archive`.
    """
    if original.compression in (None, "", "none", "identity"):
        return original.path
    target = original.scratch / "unpacked"
    try:
        with _opened(original.path, str(original.compression)) as source, target.open("wb") as sink:
            _copy(source, sink, original.path.stat().st_size, original.budget)
    except _BROKEN as error:
        raise HandlerError("corrupt_file", f"the {original.compression} data is damaged: {error}") from error
    return target


def _copy(source: "Readable", sink: IO[bytes], packed_bytes: int, budget: Budget) -> None:
    allowed = min(budget.unpacked_bytes, max(budget.free_bytes, packed_bytes * budget.ratio))
    total = 0
    while chunk := source.read(CHUNK_BYTES):
        total += len(chunk)
        if total > allowed:
            raise HandlerError(
                "decompression_limit_exceeded",
                f"{packed_bytes} packed bytes unpack to more than the {allowed} bytes that are allowed",
            )
        sink.write(chunk)


@contextmanager
def _opened(path: Path, compression: str) -> Iterator[Readable]:
    match compression:
        case "gzip" | "gz" | "x-gzip":
            with gzip.open(path) as stream:
                yield stream
        case "bzip2" | "bz2":
            with bz2.open(path) as stream:
                yield stream
        case "xz" | "lzma":
            with lzma.open(path) as stream:
                yield stream
        case "zstd" | "zst":
            with pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd") as stream:
                yield stream
        case "zip":
            with _only_member(path) as stream:
                yield stream
        case _:
            raise HandlerError("unsupported_compression", f"the compression {compression!r} is not supported")


@contextmanager
def _only_member(path: Path) -> Iterator[Readable]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise HandlerError(
                "unsupported_archive", f"the archive holds {len(members)} files; only archives of one file are read"
            )
        if members[0].flag_bits & ENCRYPTED_FLAG:
            raise HandlerError("encrypted_archive", "the archive is encrypted; upload it without a password")
        with archive.open(members[0]) as stream:
            yield stream
