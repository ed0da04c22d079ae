"""Records of the binary OOXML format (xlsb), after [MS-XLSB]: a number, a length, and bytes."""

import struct
from collections.abc import Iterator
from typing import IO, Final

CHUNK_BYTES: Final = 1 << 20
MAX_RECORD_BYTES: Final = 64 << 20


def records(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a part; raises `EOFError` where it ends inside one, `ValueError` for absurd lengths."""
    data, at = b"", 0
    while True:
        if len(data) - at < 8:  # noqa: PLR2004 - the longest number and length
            data, at = data[at:] + stream.read(CHUNK_BYTES), 0
            if not data:
                return
        code, at = _number(data, at)
        length, at = _length(data, at)
        if length > MAX_RECORD_BYTES:
            raise ValueError("a record is too long")
        if len(data) - at < length:
            data, at = data[at:] + stream.read(max(CHUNK_BYTES, length)), 0
            if len(data) < length:
                raise EOFError("the part ends inside a record")
        yield code, data[at : at + length]
        at += length


def _number(data: bytes, at: int) -> tuple[int, int]:
    code = data[at]
    if code & 0x80:
        if at + 1 >= len(data):
            raise EOFError("the part ends inside a record")
        return (code & 0x7F) | (data[at + 1] & 0x7F) << 7, at + 2
    return code, at + 1


def _length(data: bytes, at: int) -> tuple[int, int]:
    length = 0
    for place in range(4):
        if at + place >= len(data):
            raise EOFError("the part ends inside a record")
        byte = data[at + place]
        length |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return length, at + place + 1
    return length, at + 4


def wide_string(data: bytes, at: int) -> tuple[str, int]:
    """Read an XLWideString; return it and where it ends. 0xFFFFFFFF stands for none."""
    (count,) = struct.unpack_from("<I", data, at)
    if count == 0xFFFFFFFF:  # noqa: PLR2004 - as said
        return "", at + 4
    end = at + 4 + 2 * count
    if end > len(data):
        raise EOFError("a text is longer than its record")
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def rk_number(raw: int) -> float:
    """Return the number of an RkNumber: 30 bits of an integer or of a double, perhaps in hundredths."""
    if raw & 2:
        signed = raw >> 2
        number = float(signed - (1 << 30) if signed & (1 << 29) else signed)
    else:
        (number,) = struct.unpack("<d", struct.pack("<Q", (raw & 0xFFFFFFFC) << 32))
    return number / 100 if raw & 1 else number
