"""What an OLE compound file holds ([MS-CFB]): its directory's names tell. Bounded: hostile chains end."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from dataplatform_formats.detection.outcome import Detection, UnacceptableError

_HEADER_BYTES: Final = 512
_ENTRY_BYTES: Final = 128
_LAST_REGULAR: Final = 0xFFFFFFFA
_MAX_SECTORS: Final = 512
"""Directory sectors read at most: 2,048 entries at the usual sector size; a workbook has a dozen."""
_SECTOR_SHIFTS: Final = (9, 12)


def detect_ole(reader: BinaryIO) -> Detection:
    """Return `xls`; raises `UnacceptableError` for encrypted workbooks and everything else."""
    names = set(_names(reader))
    if "EncryptedPackage" in names:
        raise UnacceptableError("encrypted_workbook")
    if names & {"Workbook", "Book", "WORKBOOK", "BOOK"}:
        return Detection("xls")
    for stream, what in (("WordDocument", "a Word document"), ("PowerPoint Document", "a presentation")):
        if stream in names:
            raise UnacceptableError("unsupported_format", f"this is {what}, which is not read here")
    if not names:
        raise UnacceptableError("damaged_document", "the document's directory cannot be read: cut off or damaged")
    raise UnacceptableError("unsupported_format", "this is an OLE document without a workbook")


def _names(reader: BinaryIO) -> Iterator[str]:
    for sector in _directory(reader):
        for start in range(0, len(sector) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            entry = sector[start : start + _ENTRY_BYTES]
            length = int.from_bytes(entry[64:66], "little")
            if entry[66] and 2 <= length <= 64:  # noqa: PLR2004 - bytes of the name with its final NUL
                yield entry[: length - 2].decode("utf-16-le", errors="replace")


def _directory(reader: BinaryIO) -> Iterator[bytes]:
    """Yield the directory's sectors, following their chain through the allocation table."""
    header = _at(reader, 0, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return
    shift = int.from_bytes(header[30:32], "little")
    if shift not in _SECTOR_SHIFTS:
        return
    size = 1 << shift
    table: tuple[int, ...] = struct.unpack("<109I", header[76:_HEADER_BYTES])
    sector = int.from_bytes(header[48:52], "little")
    for _ in range(_MAX_SECTORS):
        if sector > _LAST_REGULAR:
            return
        yield _at(reader, (sector + 1) * size, size)
        sector = _next(reader, table, sector, size)


def _next(reader: BinaryIO, table: tuple[int, ...], sector: int, size: int) -> int:
    block, place = divmod(sector, size // 4)
    # Beyond the header's 109 entries the table's own table begins (files over 7 MB); directories live before that.
    if block >= len(table) or table[block] > _LAST_REGULAR:
        return 0xFFFFFFFE
    raw = _at(reader, (table[block] + 1) * size + 4 * place, 4)
    return int.from_bytes(raw, "little") if len(raw) == 4 else 0xFFFFFFFE  # noqa: PLR2004 - bytes of an entry


def _at(reader: BinaryIO, offset: int, length: int) -> bytes:
    reader.seek(offset)
    return reader.read(length)
