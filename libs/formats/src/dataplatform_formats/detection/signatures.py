"""First bytes that give a format away. Pure tables and lookups."""

from typing import Final, Literal

Container = Literal["parquet", "encrypted_parquet", "ole", "zip", "pdf", "biff"]

_CONTAINERS: Final[tuple[tuple[bytes, Container], ...]] = (
    (b"PAR1", "parquet"),
    (b"PARE", "encrypted_parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    # BIFF 2, 3 and 4: worksheets from before the OLE container ([MS-XLS], BOF record).
    (b"\x09\x00\x04\x00", "biff"),
    (b"\x09\x02\x06\x00", "biff"),
    (b"\x09\x04\x06\x00", "biff"),
)

PDF_WINDOW_BYTES: Final = 1024
"""Readers accept a PDF header anywhere in the first kilobyte (ISO 32000-1, implementation note 13)."""

_COMPRESSIONS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x1f\x9d", "compress"),
)
_TAR_OFFSET: Final = 257

_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"CDF\x01", "a NetCDF file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"FEA1", "a Feather file"),
    (b"$FL2", "an SPSS file"),
    (b"{\\rtf", "a rich text document"),
    (b"%!PS", "a PostScript document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
)
_BINARY_OTHERS: Final = frozenset({"an ORC file", "a GIF image"})
"""Signatures made of plain letters, which a text might begin with: they count only where a NUL follows."""


def container_of(head: bytes) -> Container | None:
    """Return which container that is read here the bytes begin, or None."""
    for magic, container in _CONTAINERS:
        if head.startswith(magic):
            return container
    return "pdf" if b"%PDF-" in head[:PDF_WINDOW_BYTES] else None


def compression_of(head: bytes) -> str | None:
    """Return the name of the compression or archive format the bytes begin, or None."""
    for magic, name in _COMPRESSIONS:
        # "BZh" are letters: the level and the block's magic follow.
        if head.startswith(magic) and (name != "bzip2" or head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")):
            return name
    return "tar" if head[_TAR_OFFSET : _TAR_OFFSET + 5] == b"ustar" else None


def other_of(head: bytes) -> str | None:
    """Return what else the bytes begin that is known and not read here, with its article, or None."""
    for magic, name in _OTHERS:
        if head.startswith(magic) and (name not in _BINARY_OTHERS or b"\x00" in head[:64]):
            return name
    return None
