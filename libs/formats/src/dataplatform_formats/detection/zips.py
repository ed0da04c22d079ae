"""What a zip container holds: a workbook, another kind of document, or an archive of any files.

Reads its directory and two small members, never the data.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from dataplatform.events.base import Format
from dataplatform_formats.detection.outcome import Detection, UnacceptableError

MEMBER_BYTES: Final = 1024 * 1024
"""How much of a describing member is inflated at most."""
_ENCRYPTED_FLAG: Final = 0x1
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, NotImplementedError, KeyError)

_CONTENT_TYPES: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"application/vnd.ms-excel.sheet.binary.macroEnabled.main", "xlsb"),
    (b"application/vnd.ms-excel.sheet.macroEnabled.main+xml", "xlsm"),
    (b"application/vnd.ms-excel.template.macroEnabled.main+xml", "xlsm"),
    (b"application/vnd.ms-excel.addin.macroEnabled.main+xml", "xlsm"),
    (b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", "xlsx"),
    (b"application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml", "xlsx"),
)
_NAMES: Final[tuple[tuple[str, Format], ...]] = (("xl/workbook.bin", "xlsb"), ("xl/workbook.xml", "xlsx"))
_SPREADSHEET: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_DOCUMENTS: Final = (
    ("word/", "a Word document"),
    ("ppt/", "a presentation"),
    ("visio/", "a drawing"),
)


MAX_MEMBERS: Final = 100_000
MAX_RATIO: Final = 1_100
"""Just above what deflate can reach at all (1,032): whoever claims more lies, or is a bomb of another method."""
FREE_BYTES: Final = 64 * 1024 * 1024
"""An archive may always claim to unpack to this much."""
_LOCAL_HEADER: Final = b"PK\x03\x04"
_LOCAL_HEADER_BYTES: Final = 30


def detect_zip(reader: BinaryIO, size_bytes: int) -> Detection:
    """Return the workbook's format, or `archive`; raises `UnacceptableError`."""
    try:
        with zipfile.ZipFile(reader) as container:
            return _inspect(container, size_bytes)
    except _DAMAGE as error:
        raise UnacceptableError("damaged_archive", f"the zip container is cut off or damaged ({error})") from error


def detect_zip_head(head: bytes) -> Detection:
    """Return what a longer zip container is by the members whose headers stand in its head."""
    names = set(_local_names(head))
    for name, found in _NAMES:
        if name in names:
            return Detection(found)
    # The kind of workbook is told by the content types, which writers put in front.
    if "[content_types].xml" in names or any(name.startswith("xl/") for name in names):
        return Detection("xlsb" if any(name.endswith(".bin") for name in names) else "xlsx")
    if "mimetype" in names and _SPREADSHEET in head[:256]:
        return Detection("ods")
    return Detection("archive")


def _local_names(head: bytes) -> Iterator[str]:
    at = head.find(_LOCAL_HEADER)
    while at >= 0:
        length = int.from_bytes(head[at + 26 : at + 28], "little")
        name = head[at + _LOCAL_HEADER_BYTES : at + _LOCAL_HEADER_BYTES + length]
        yield name.decode("utf-8", errors="replace").lower()
        at = head.find(_LOCAL_HEADER, at + _LOCAL_HEADER_BYTES)


def _inspect(container: zipfile.ZipFile, size_bytes: int) -> Detection:
    members = {info.filename.replace("\\", "/").lower(): info for info in container.infolist()}
    if "mimetype" in members and "content.xml" in members:
        return _open_document(container, members)
    if "[content_types].xml" in members or "xl/workbook.xml" in members or "xl/workbook.bin" in members:
        return _office_open(container, members)
    _check_archive(container, size_bytes)
    return Detection("archive", compression="zip")


def _check_archive(container: zipfile.ZipFile, size_bytes: int) -> None:
    files = [info for info in container.infolist() if not info.is_dir()]
    if not files:
        raise UnacceptableError("empty_file", "the archive holds no files")
    if all(info.flag_bits & _ENCRYPTED_FLAG for info in files):
        raise UnacceptableError("encrypted_archive")
    claimed = sum(info.file_size for info in files)
    if len(files) > MAX_MEMBERS or claimed > max(FREE_BYTES, size_bytes * MAX_RATIO):
        raise UnacceptableError(
            "oversized_archive", f"{size_bytes} bytes claim to hold {len(files)} files of {claimed} bytes together"
        )


def _office_open(container: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> Detection:
    described = _read(container, members, "[content_types].xml")
    for content_type, found in _CONTENT_TYPES:
        if content_type in described:
            return Detection(found)
    for name, found in _NAMES:
        if name in members:
            return Detection(found)
    for prefix, what in _DOCUMENTS:
        if any(name.startswith(prefix.lower()) for name in members):
            raise UnacceptableError("unsupported_format", f"this is {what}, which is not read here")
    raise UnacceptableError("unsupported_format", "this is an Office document without a workbook")


def _open_document(container: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> Detection:
    media_type = _read(container, members, "mimetype").strip()
    if not media_type.startswith(_SPREADSHEET):
        raise UnacceptableError("unsupported_format", "this is an OpenDocument file, but not a spreadsheet")
    if b"encryption-data" in _read(container, members, "meta-inf/manifest.xml"):
        raise UnacceptableError("encrypted_workbook")
    return Detection("ods")


def _read(container: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str) -> bytes:
    info = members.get(name)
    if info is None:
        return b""
    if info.flag_bits & _ENCRYPTED_FLAG:
        raise UnacceptableError("encrypted_archive")
    with container.open(info) as member:
        return member.read(MEMBER_BYTES)
