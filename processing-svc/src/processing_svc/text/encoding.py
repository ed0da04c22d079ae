"""Transcoding to UTF-8: of a file, or of its lines in another encoding. Encodings are found elsewhere."""

import codecs
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataplatform_formats.detection.text_encoding import BOMS, detect_encoding, guess
from processing_svc.handlers.interface import HandlerError, Notes

SAMPLE_BYTES: Final = 1 << 18
CHUNK_BYTES: Final = 4 << 20
REPLACEMENT: Final = "\ufffd"
_UTF8: Final = frozenset({"utf-8", "utf-8-sig", "ascii"})
_TELLING_LINES: Final = 2_000
_WIDE: Final = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})


@dataclass(frozen=True, slots=True)
class Utf8Text:
    """A UTF-8 file with the text of an original, and what the original's encoding was."""

    path: Path
    encoding: str
    confidence: float


def known(name: str | None) -> str | None:
    """Return Python's name for an encoding, or None where there is none."""
    if not name:
        return None
    try:
        info = codecs.lookup(name)
    except LookupError:
        return None
    return info.name if info._is_text_encoding else None  # noqa: SLF001 - there is no other way to ask


def as_utf8(path: Path, declared: str | None, scratch: Path, repairs: Notes) -> Utf8Text:
    """Return a UTF-8 file with the same text: the original itself where it begins as UTF-8.

    `declared` is believed unless it is unknown. Undecodable bytes become U+FFFD and are counted among `repairs`.
    """
    if declared and known(declared) is None:
        raise HandlerError("unsupported_encoding", f"the encoding {declared!r} is not known")
    found = _found(path, declared)
    if found.encoding in _UTF8:
        return found
    target = scratch / "utf8.txt"
    transcode(path, found.encoding, target, repairs)
    return Utf8Text(target, found.encoding, found.confidence)


def _found(path: Path, declared: str | None) -> Utf8Text:
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    name = known(declared)
    if name in _WIDE:  # a mark would stay in the text where the order of bytes is declared
        name = next((marked for mark, marked in BOMS if head.startswith(mark) and marked[:6] == name[:6]), name)
    if name:
        return Utf8Text(path, name, 1.0)
    found = detect_encoding(head)
    return Utf8Text(path, found.encoding, found.confidence)


def transcode(path: Path, encoding: str, target: Path, repairs: Notes) -> None:
    """Write `path` as UTF-8 into `target`, a chunk at a time."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    replaced, line = 0, 1
    with path.open("rb") as source, target.open("wb") as sink:
        while chunk := source.read(CHUNK_BYTES):
            text = decoder.decode(chunk)
            if REPLACEMENT in text:
                replaced += _note_replaced(text, line, encoding, repairs)
            line += text.count("\n")
            sink.write(text.encode("utf-8", "replace"))
        rest = decoder.decode(b"", final=True)
        if REPLACEMENT in rest:
            replaced += _note_replaced(rest, line, encoding, repairs)
        sink.write(rest.encode("utf-8", "replace"))


def _note_replaced(text: str, first_line: int, encoding: str, repairs: Notes) -> int:
    total = 0
    for number, line in enumerate(text.split("\n"), start=first_line):
        if count := line.count(REPLACEMENT):
            repairs.add(
                "undecodable_bytes",
                f"byte sequences are not {encoding}; U+FFFD stands for each",
                f"line {number}",
                count,
            )
            total += count
    return total


def is_utf8_throughout(path: Path) -> bool:
    """Whether a whole file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with path.open("rb") as source:
        try:
            while chunk := source.read(CHUNK_BYTES):
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def mended_lines(path: Path, target: Path, repairs: Notes) -> str:
    """Write a file of which only some lines are UTF-8 as UTF-8; return the encoding of the others.

    Each line that breaks the rules is read in the one encoding that fits all of them, and noted.
    """
    other = guess(b"\n".join(_foreign_lines(path))).encoding
    with path.open("rb") as source, target.open("wb") as sink:
        for number, line in enumerate(source, start=1):
            if _is_utf8(line):
                sink.write(line)
                continue
            text = line.decode(other, "replace")
            if count := text.count(REPLACEMENT):
                detail = f"byte sequences are neither UTF-8 nor {other}; U+FFFD stands for each"
                repairs.add("undecodable_bytes", detail, f"line {number}", count)
            else:
                repairs.add("mixed_encoding", f"the line is not UTF-8; it was read as {other}", f"line {number}")
            sink.write(text.encode())
    return other


def _is_utf8(line: bytes) -> bool:
    if line.isascii():
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(path: Path) -> Iterator[bytes]:
    found = 0
    with path.open("rb") as source:
        for line in source:
            if not _is_utf8(line):
                yield line
                found += 1
                if found >= _TELLING_LINES:
                    return


def holds(path: Path, what: bytes) -> bool:
    """Whether a file holds some bytes anywhere."""
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return mapped.find(what) >= 0
