"""The footer and page headers of a Parquet file, read one by one: how many values there are, how large pages become.

A footer may say anything. Arrow reads as many rows as it says and no more, so what it leaves out would be lost; and its
own view of a column's metadata ends the process where that is encrypted. Compact Thrift is read here, as far as is
needed (parquet.thrift: FileMetaData, RowGroup, ColumnChunk, PageHeader).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

WINDOW_BYTES: Final = 256
"""First guess at the length of a page header; statistics make some longer."""
MOST_HEADER_BYTES: Final = 16 * 1024 * 1024
MOST_PAGES: Final = 1_000_000
"""Of one column chunk."""
_DEEPEST: Final = 8
_DESCRIPTIONS: Final[dict[int, int]] = {0: 5, 3: 8}
"""By the kind of page (data, data of version 2): the field that describes it (PageHeader in parquet.thrift)."""
_MOST: Final = 2**31
_LONGEST: Final = 2**63
_ROW_GROUPS: Final = 4
_LIST: Final = 9


class HeaderError(Exception):
    """A header is not readable, or says what cannot be."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the footer says of one column of one row group."""

    values: int
    start: int
    end: int
    external: bool = False
    """Whether its bytes are in another file."""
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class RowGroup:
    """What the footer says of some rows."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page header says. `values` counts also those that are null; dictionaries have none."""

    values: int
    unpacked_bytes: int
    packed_bytes: int


def pages_of(file: BinaryIO, start: int, end: int) -> Iterator[Page]:
    """Yield the pages between two places of a file; raises `HeaderError`."""
    at = start
    for _ in range(MOST_PAGES):
        if at >= end:
            return
        header, length = _header(file, at, end)
        described = header.get(_DESCRIPTIONS.get(_size(header.get(1)), 0))
        values = _size(described.get(1)) if isinstance(described, dict) else 0
        page = Page(values, _size(header.get(2)), _size(header.get(3)))
        yield page
        at += length + page.packed_bytes
    raise HeaderError("a column has more pages than any")


def _size(value: object, most: int = _MOST) -> int:
    """Return a number of values or bytes; raises `HeaderError` where it is none."""
    if isinstance(value, int) and 0 <= value < most:
        return value
    raise HeaderError("a header lacks a size, or has one that cannot be")


def row_groups_of(footer: bytes) -> Iterator[RowGroup]:
    """Yield what a footer says of the row groups, one at a time; raises `HeaderError`."""
    reader = _Compact(footer)
    try:
        for number, kind in reader.fields():
            if number == _ROW_GROUPS and kind == _LIST:
                for group in reader.items(0):
                    yield _row_group(group)
            else:
                reader.value(kind, 0)
    except IndexError:
        raise HeaderError("the footer is cut off") from None


def _row_group(known: Any) -> RowGroup:
    columns = known.get(1) if isinstance(known, dict) else None
    if not isinstance(columns, list):
        raise HeaderError("a row group has no columns")
    return RowGroup(_size(known.get(3), _LONGEST), tuple(_chunk(column) for column in columns))


def _chunk(known: Any) -> Chunk:
    if not isinstance(known, dict):
        raise HeaderError("a column chunk is no struct")
    described = known.get(3)
    if 8 in known or 9 in known or not isinstance(described, dict):  # noqa: PLR2004 - crypto_metadata, encrypted metadata
        return Chunk(0, 0, 0, encrypted=True)
    start = _size(described.get(9), _LONGEST)
    dictionary = _size(described.get(11, 0), _LONGEST)
    start = dictionary if 0 < dictionary < start else start
    length = _size(described.get(7), _LONGEST)
    return Chunk(_size(described.get(5), _LONGEST), start, start + length, external=1 in known)


def _header(file: BinaryIO, at: int, end: int) -> tuple[dict[int, Any], int]:
    window = WINDOW_BYTES
    while True:
        file.seek(at)
        data = file.read(min(window, end - at))
        try:
            return _Compact(data).header()
        except IndexError:
            if window >= MOST_HEADER_BYTES or len(data) < window:
                raise HeaderError("a page header is cut off") from None
            window *= 16


class _Compact:
    """A reader of compact Thrift. `IndexError`: there are not enough bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def header(self) -> tuple[dict[int, Any], int]:
        """Return a struct as values by field number, and how many bytes it takes."""
        return self._struct(0), self._at

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
                return value
            shift += 7
            if shift > 63:  # noqa: PLR2004 - bits of the longest number
                raise HeaderError("a number has too many bytes")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, length: int) -> None:
        if self._at + length > len(self._data):
            raise IndexError
        self._at += length

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and kind of each field of a struct; its value is to be read before the next is asked for."""
        number = 0
        while (byte := self._byte()) != 0:
            number = number + (byte >> 4) if byte >> 4 else self._zigzag()
            yield number, byte & 0x0F

    def items(self, depth: int) -> Iterator[Any]:
        """Yield the items of a list, each read when it is asked for."""
        byte = self._byte()
        size = byte >> 4 if byte >> 4 != 0x0F else self._varint()  # noqa: PLR2004 - stands for: the size follows
        if size > len(self._data):
            raise IndexError
        for _ in range(size):
            yield self.value(byte & 0x0F, depth + 1)

    def value(self, kind: int, depth: int) -> Any:
        """Return a value: numbers, structs and lists as they are, anything else as None."""
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                self._skip(8)
            case 8:
                self._skip(self._varint())
            case 9 | 10:
                return list(self.items(depth))
            case 12:
                return self._struct(depth + 1)
            case _:
                raise HeaderError(f"a field is of the kind {kind}, which no header has")
        return None

    def _struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise HeaderError("a header is nested too deep")
        return {number: self.value(kind, depth) for number, kind in self.fields()}
