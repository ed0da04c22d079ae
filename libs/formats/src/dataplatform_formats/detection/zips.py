"""What a zip container holds: a workbook, another kind of document, or an archive.

Reads its directory and two small members, never the data.
"""

import struct
import zipfile
import zlib
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
    ("META-INF/MANIFEST.MF", "a Java archive"),
)


def detect_zip(reader: BinaryIO) -> Detection:
    """Return the workbook's format; raises `UnacceptableError`."""
    try:
        with zipfile.ZipFile(reader) as container:
            return _inspect(container)
    except _DAMAGE as error:
        raise UnacceptableError("damaged_archive", f"the zip container is cut off or damaged ({error})") from error


def _inspect(container: zipfile.ZipFile) -> Detection:
    members = {info.filename.replace("\\", "/").lower(): info for info in container.infolist()}
    if "mimetype" in members and "content.xml" in members:
        return _open_document(container, members)
    if "[content_types].xml" in members or "xl/workbook.xml" in members or "xl/workbook.bin" in members:
        return _office_open(container, members)
    if any(info.flag_bits & _ENCRYPTED_FLAG for info in members.values()):
        raise UnacceptableError("encrypted_archive")
    raise UnacceptableError("unsupported_compression", f"this is a zip archive of {len(members)} members")


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
