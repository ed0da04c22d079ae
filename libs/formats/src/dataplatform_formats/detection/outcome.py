"""The two ends of a detection: what the file is, or why it cannot be taken."""

from dataclasses import dataclass
from typing import Final

from dataplatform.events.base import Format

MEDIA_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "parquet": "application/vnd.apache.parquet",
    "archive": "application/zip",
}


_WRAPPED_TYPES: Final = {
    "zip": "application/zip",
    "tar": "application/x-tar",
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zstd": "application/zstd",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """What a file is.

    Where the file is one compressed stream, `format` is that of what is inside, and `compression` names the stream; of
    an `archive` it names the container. `encoding` is that of a text (an IANA name), or None where only its beginning
    was looked at. `confidence` is 1 where a signature or proof decided. `name_mismatch` says, for people, what the name
    claims where the content is something else; it decides nothing.
    """

    format: Format
    encoding: str | None = None
    confidence: float = 1.0
    compression: str | None = None
    name_mismatch: str | None = None

    @property
    def media_type(self) -> str:
        """The registered media type of the bytes as they are: of the wrapper, where there is one."""
        return _WRAPPED_TYPES[self.compression] if self.compression else MEDIA_TYPES[self.format]


REASONS: Final[dict[str, str]] = {
    "empty_file": "The file has no bytes, or only a byte order mark.",
    "unknown_format": "The content is none of the formats that are read here, and no other that is known.",
    "unsupported_format": "The content is of a known kind that is not read here.",
    "unsupported_compression": "The file is compressed in a way, or an archive of a kind, that is not opened here.",
    "encrypted_workbook": "The workbook has a password; send it without one.",
    "encrypted_parquet": "The Parquet file's footer is encrypted; send it in plain.",
    "encrypted_archive": "The archive has a password; send what is inside, in plain.",
    "truncated_parquet": "The Parquet file ends before its footer: it was cut off on its way.",
    "damaged_archive": "The compressed file, archive or workbook is cut off or damaged.",
    "oversized_archive": "The archive lists more files, or claims to unpack to more, than is allowed.",
    "damaged_document": "The document's container is cut off or damaged.",
    "damaged_text": "The text is in the encoding that its first bytes announce, but breaks its rules later.",
}
"""Every reason code with which detection refuses a file, and what a person should know about it."""


class UnacceptableError(Exception):
    """The file cannot be taken. `code` is one of `REASONS`; `detail` says what was found this time."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or REASONS[code])
        self.code = code
        self.detail = detail or REASONS[code]
