"""A look into a zipped workbook (OOXML, OpenDocument): bombs and passwords refused, sheets measured by a scan.

A sheet's declared dimension may lie in both directions, so every cell's own reference is read.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree as ET

from processing_svc.handlers.interface import Budget, HandlerError

CHUNK_BYTES: Final = 1 << 20
WORKBOOK_PART_BYTES: Final = 32 * 1024 * 1024
LISTED_ERRORS: Final = 20
MAX_TAG_BYTES: Final = 1 << 16
OOXML: Final = frozenset({"xlsx", "xlsm"})
OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# an attribute r with letters and digits is a cell's; expressions for one thing each are much the faster
_COLUMN: Final = re.compile(rb'\sr="([A-Z]{1,3})[0-9]')
_ROW: Final = re.compile(rb'\sr="[A-Z]{1,3}([0-9]{1,7})"')
_ERROR: Final = re.compile(rb'<(?:\w+:)?c\s(?=[^>]*?\bt="e")[^>]*?\br="([A-Z]{1,3}\d{1,7})"')
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the cells of a sheet are: `area` is what a dense reader would allocate, `filled` the cells there are."""

    rows: int = 0
    columns: int = 0
    filled: int = 0
    errors: int = 0
    error_cells: tuple[str, ...] = ()

    @property
    def area(self) -> int:
        """Cells of the bounding rectangle."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Package:
    """The extents of a workbook's sheets by name; empty for formats that are not scanned."""

    extents: dict[str, Extent] = field(default_factory=dict)


def inspect(path: Path, file_format: str, budget: Budget) -> Package:
    """Measure a workbook; raises `HandlerError` for bombs, passwords and broken archives."""
    with path.open("rb") as file:
        magic = file.read(8)
    if not magic:
        raise HandlerError("empty_file", "the file is empty")
    if file_format in OOXML and magic == OLE_MAGIC:
        raise HandlerError("encrypted_workbook", "the workbook has a password; save it without one")
    if not magic.startswith(b"PK"):
        return Package()
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path.stat().st_size, budget)
            return Package(_extents(archive)) if file_format in OOXML else Package()
    except _BROKEN as error:
        raise HandlerError("corrupt_file", f"the workbook's archive is damaged: {error}") from error


def _check_sizes(archive: zipfile.ZipFile, packed: int, budget: Budget) -> None:
    total = sum(member.file_size for member in archive.infolist())
    if total > budget.unpacked_bytes or total > max(budget.free_bytes, packed * budget.ratio):
        raise HandlerError("decompression_limit_exceeded", f"{packed} packed bytes claim to unpack to {total}")


def _extents(archive: zipfile.ZipFile) -> dict[str, Extent]:
    return {name: _scan(archive, part) for name, part in _sheet_parts(archive).items()}


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of every sheet by its name; parts are named relatively, absolutely, or not at all."""
    members = {name.lower().lstrip("/"): name for name in archive.namelist()}
    book = next((name for key, name in members.items() if key.endswith("workbook.xml")), None)
    if book is None:
        return {}
    folder = PurePosixPath(book).parent
    relations = members.get(f"{folder}/_rels/workbook.xml.rels".lower().lstrip("./"))
    if relations is None:
        return {}
    targets = {item.get("Id", ""): item.get("Target", "") for item in _elements(archive, relations, "Relationship")}
    found = {}
    for sheet in _elements(archive, book, "sheet"):
        target = next((targets.get(value, "") for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        part = target.lstrip("/") if target.startswith("/") else str(folder / target)
        if target and (member := members.get(part.lower())):
            found[sheet.get("name", "")] = member
    return found


def _elements(archive: zipfile.ZipFile, member: str, tag: str) -> Iterator[ET.Element]:
    with archive.open(member) as stream:
        text = stream.read(WORKBOOK_PART_BYTES)
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise HandlerError("corrupt_file", "the workbook declares XML entities, which no workbook needs")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities were refused above
    except ET.ParseError as error:
        raise HandlerError("corrupt_file", f"the workbook's XML is damaged: {error}") from error
    return (item for item in root.iter() if item.tag.rpartition("}")[2] == tag)


def _scan(archive: zipfile.ZipFile, member: str) -> Extent:
    letters: set[bytes] = set()
    last = filled = errors = 0
    listed: list[str] = []
    with archive.open(member) as stream:
        rest = b""
        while chunk := stream.read(CHUNK_BYTES):
            text = rest + chunk
            cut = text.rfind(b"<")
            rest = text[cut:] if cut >= 0 and len(text) - cut < MAX_TAG_BYTES else b""
            text = text[:cut] if rest else text
            columns = _COLUMN.findall(text)
            filled += len(columns)
            letters.update(columns)
            last = max(last, 0, *map(int, set(_ROW.findall(text))))
            wrong = _ERROR.findall(text) if b't="e"' in text else []
            errors += len(wrong)
            listed += [cell.decode() for cell in wrong[: max(0, LISTED_ERRORS - len(listed))]]
    return Extent(last, max(map(_number, letters), default=0), filled, errors, tuple(listed))


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
