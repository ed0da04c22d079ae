"""What a file's name claims its content to be. It is compared, never obeyed."""

from typing import Final

from dataplatform.events.base import Format
from dataplatform_formats.detection.outcome import Detection

_CLAIMS: Final[dict[str, frozenset[Format]]] = {
    **dict.fromkeys(("csv", "tsv", "tab", "psv", "txt", "text", "dat", "asc"), frozenset[Format]({"csv"})),
    "xlsx": frozenset({"xlsx"}),
    "xltx": frozenset({"xlsx"}),
    **dict.fromkeys(("xlsm", "xltm", "xlam"), frozenset[Format]({"xlsm"})),
    "xlsb": frozenset({"xlsb"}),
    **dict.fromkeys(("xls", "xlt"), frozenset[Format]({"xls"})),
    **dict.fromkeys(("ods", "ots"), frozenset[Format]({"ods"})),
    "pdf": frozenset({"pdf"}),
    **dict.fromkeys(("parquet", "pq", "parq"), frozenset[Format]({"parquet"})),
    **dict.fromkeys(("tar", "tgz", "tbz", "tbz2", "txz", "tzst", "7z", "rar"), frozenset[Format]({"archive"})),
    **dict.fromkeys(
        ("json", "jsonl", "geojson", "xml", "html", "htm", "doc", "docx", "ppt", "pptx", "png", "jpg", "jpeg", "gif"),
        frozenset[Format](),
    ),
}
"""By the last part of a name: the formats that would bear it out. Names that are not here claim nothing."""
_WRAPPERS: Final = {
    "gz": "gzip",
    "gzip": "gzip",
    "bz2": "bzip2",
    "xz": "xz",
    "zst": "zstd",
    "zstd": "zstd",
    "zip": "zip",
}
_LONGEST: Final = 12
"""Characters of a name's last part beyond which it is no extension."""


def mismatch(file_name: str, found: Detection) -> str | None:
    """Return a sentence on what the name claims and the content is not, or None."""
    stem, extension = _split(file_name)
    wrapper = _WRAPPERS.get(extension)
    if wrapper is not None:
        if found.compression != wrapper:
            return _sentence(extension, found)
        if found.format == "archive":
            return None
        extension = _split(stem)[1]
    claimed = _CLAIMS.get(extension)
    return _sentence(extension, found) if claimed is not None and found.format not in claimed else None


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.strip().rpartition(".")
    return (stem, extension.lower()) if dot and len(extension) <= _LONGEST else (name, "")


def _sentence(extension: str, found: Detection) -> str:
    packed = f" in {found.compression}" if found.compression else ""
    return f"the name ends in .{extension}, the content is {found.format}{packed}"
