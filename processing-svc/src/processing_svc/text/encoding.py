"""Which encoding a text file is in, and its transcoding to UTF-8. Bytes that cannot be decoded are counted."""

import codecs
from pathlib import Path
from typing import Final

from processing_svc.handlers.interface import HandlerError, Notes

SAMPLE_BYTES: Final = 1 << 20
STATISTICS_BYTES: Final = 64 * 1024
"""Enough text for the statistics of a detector; more only costs time."""
REPLACEMENT: Final = "\ufffd"

_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8: Final = frozenset({"utf-8", "utf-8-sig", "ascii"})
_HALF: Final = 0.3
"""Share of NUL bytes at every second place above which text without a mark is UTF-16."""


def detect(path: Path) -> str:
    """Return the Python name of the encoding of a text file, by its first megabyte."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    return _without_mark(sample)


def _without_mark(sample: bytes) -> str:
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if half and (even > half * _HALF or odd > half * _HALF):
        return "utf-16-be" if even > odd else "utf-16-le"
    if is_utf8(sample):
        return "utf-8"
    return _by_statistics(sample)


def is_utf8(sample: bytes) -> bool:
    """Whether a beginning of a file is UTF-8; a character cut off at its end is none's fault."""
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _by_statistics(sample: bytes) -> str:
    # imported here: needed for few files, and slow to load
    import chardet  # noqa: PLC0415
    import charset_normalizer  # noqa: PLC0415

    # lines of plain ASCII say nothing
    telling = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:STATISTICS_BYTES]
    for guess in (chardet.detect(telling).get("encoding"), _best(charset_normalizer, telling)):
        name = known(guess)
        if name and name != "ascii" and _decodes(telling, name):
            return name
    return "cp1252"


def _best(library: object, sample: bytes) -> str | None:
    match = library.from_bytes(sample).best()  # type: ignore[attr-defined]
    return match.encoding if match else None


def _decodes(sample: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)("strict").decode(sample)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def known(name: str | None) -> str | None:
    """Return Python's name for an encoding, or None where there is none."""
    if not name:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def as_utf8(path: Path, declared: str | None, scratch: Path, repairs: Notes) -> tuple[Path, str]:
    """Return a UTF-8 file with the same text, and the encoding it was in; the original itself where it is UTF-8.

    `declared` is believed unless it is unknown. Undecodable bytes become U+FFFD and are counted among `repairs`.
    """
    if declared and known(declared) is None:
        raise HandlerError("unsupported_encoding", f"the encoding {declared!r} is not known")
    encoding = known(declared) or detect(path)
    if encoding in {"utf-16-le", "utf-16-be"}:
        encoding = _marked(path, encoding)
    if encoding in _UTF8:
        return path, encoding
    target = scratch / "utf8.txt"
    transcode(path, encoding, target, repairs)
    return target, encoding


def _marked(path: Path, encoding: str) -> str:
    """Take the byte order mark out of the text where a declared byte order would leave it in."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else encoding


def transcode(path: Path, encoding: str, target: Path, repairs: Notes) -> None:
    """Write `path` as UTF-8 into `target`, a chunk at a time."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    replaced = 0
    with path.open("rb") as source, target.open("wb") as sink:
        while chunk := source.read(SAMPLE_BYTES):
            text = decoder.decode(chunk)
            replaced += text.count(REPLACEMENT)
            sink.write(text.encode("utf-8", "replace"))
        sink.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    if replaced:
        repairs.add("undecodable_bytes", f"{replaced} byte sequences are not {encoding}; U+FFFD stands for each",
                    count=replaced)  # fmt: skip


def has_nul(path: Path) -> bool:
    """Whether the first megabyte of a UTF-8 file holds NUL characters."""
    with path.open("rb") as file:
        return b"\0" in file.read(SAMPLE_BYTES)
