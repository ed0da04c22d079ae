"""First bytes that give a format away. Pure tables and lookups."""

from typing import Final, Literal

Container = Literal["parquet", "encrypted_parquet", "ole", "zip", "tar", "pdf", "biff", "gzip", "bzip2", "xz", "zstd"]

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
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_BZIP2_BLOCKS: Final = (b"1AY&SY", b"\x17rE8P\x90")
"""What follows "BZh" and the level, where these letters do not begin a text: a block, or the end of no blocks."""
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"
"""Behind a byte from 0x50 to 0x5f: a frame without data, which parallel writers begin with (RFC 8878, 3.1.2)."""

PDF_WINDOW_BYTES: Final = 1024
"""Readers accept a PDF header anywhere in the first kilobyte (ISO 32000-1, implementation note 13)."""

_COMPRESSIONS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x1f\x9d", "compress"),
    (b"MSCF\x00\x00\x00\x00", "a cabinet"),
)
_TAR_HEADER_BYTES: Final = 512
_TAR_MAGIC: Final = slice(257, 262)
_TAR_CHECKSUM: Final = slice(148, 156)

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
    (b"<stata_dta>", "a Stata file"),
    (b"\x00\x00\x27\x0a", "a part of a shapefile"),
    (b"fgb\x03", "a FlatGeobuf file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04\x95", "a Python pickle"),
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
        if head.startswith(magic) and (container != "bzip2" or head[4:10] in _BZIP2_BLOCKS):
            return container
    if head[1:4] == _ZSTD_SKIPPABLE and 0x50 <= head[0] <= 0x5F:  # noqa: PLR2004 - the range that the RFC gives
        return "zstd"
    if is_tar(head):
        return "tar"
    return "pdf" if b"%PDF-" in head[:PDF_WINDOW_BYTES] else None


def is_tar(head: bytes) -> bool:
    """Whether a tar header stands at the beginning: by its magic, or, before POSIX, by its checksum alone."""
    header = head[:_TAR_HEADER_BYTES]
    if len(header) < _TAR_HEADER_BYTES:
        return False
    written = header[_TAR_CHECKSUM].rstrip(b" \0").lstrip(b" ")
    if not written or not written.isdigit() or written.translate(None, b"01234567"):
        return False
    blank = sum(header) - sum(header[_TAR_CHECKSUM]) + 8 * ord(" ")
    return header[_TAR_MAGIC] == b"ustar" or (blank == int(written, 8) and header[0] != 0)


def compression_of(head: bytes) -> str | None:
    """Return the name of the compression or archive format that the bytes begin and nothing here opens, or None."""
    return next((name for magic, name in _COMPRESSIONS if head.startswith(magic)), None)


def other_of(head: bytes) -> str | None:
    """Return what else the bytes begin that is known and not read here, with its article, or None."""
    for magic, name in _OTHERS:
        if head.startswith(magic) and (name not in _BINARY_OTHERS or b"\x00" in head[:64]):
            return name
    return None
