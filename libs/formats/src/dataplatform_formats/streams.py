"""Compressed streams of one file (gzip, bzip2, xz, the older lzma, Zstandard) as readers of plain bytes.

Memory is bounded whatever the stream's header asks for. How much is taken out is the caller's to bound: nothing here
counts bytes. Archives of several files are not here.
"""

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, Literal, Protocol, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Stream = Literal["gzip", "bzip2", "xz", "lzma", "zstd"]

WINDOW_LOG: Final = 27
MEMORY_BYTES: Final = 1 << WINDOW_LOG
"""Largest window of a Zstandard stream, and all the memory an xz stream may need: what their own tools allow."""
_PACKED_BYTES: Final = 64 * 1024

DAMAGE: Final = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError, ValueError)
"""What a reader raises where its stream is cut off or broken. (OSError also where the file below cannot be read.)"""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Reader(io.RawIOBase):
    """All streams of a file, one behind the other. Python's own readers have no limit on memory."""

    def __init__(self, packed: BinaryIO, start: Callable[[], _Decompressor]) -> None:
        super().__init__()
        self._packed = packed
        self._start = start
        self._decompressor = start()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while True:
            if self._decompressor.eof and not self._next_stream():
                return 0
            data = b""
            if self._rest or self._decompressor.needs_input:
                data, self._rest = self._rest or self._packed.read(_PACKED_BYTES), b""
                if not data:
                    raise EOFError("the compressed stream ends before its end mark")
            plain = self._decompressor.decompress(data, len(buffer))
            if plain:
                buffer[: len(plain)] = plain
                return len(plain)

    def _next_stream(self) -> bool:
        """Go on behind the end of a stream; False where only padding follows."""
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while not rest:
            packed = self._packed.read(_PACKED_BYTES)
            if not packed:
                return False
            rest = packed.lstrip(b"\0")
        self._rest = rest
        self._decompressor = self._start()
        return True


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_BYTES)


def _lzma() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY_BYTES)


def _zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})


def _buffered(packed: BinaryIO, start: Callable[[], _Decompressor]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Reader(packed, start), _PACKED_BYTES))


_OPENERS: Final[dict[Stream, Callable[[BinaryIO], BinaryIO]]] = {
    "gzip": lambda packed: cast("BinaryIO", gzip.GzipFile(fileobj=packed, mode="rb")),
    "bzip2": lambda packed: cast("BinaryIO", bz2.BZ2File(packed)),
    "xz": lambda packed: _buffered(packed, _xz),
    "lzma": lambda packed: _buffered(packed, _lzma),
    "zstd": lambda packed: _buffered(packed, _zstd),
}


def open_stream(packed: BinaryIO, stream: Stream) -> BinaryIO:
    """Return a reader of the plain bytes; its `read` raises one of `DAMAGE` where the stream is broken or cut off."""
    return _OPENERS[stream](packed)
