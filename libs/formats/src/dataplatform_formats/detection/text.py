"""What a text is: its encoding, and that it may hold a table rather than markup or JSON."""

import codecs
import re
from typing import Final

from dataplatform_formats.detection.outcome import Detection, UnacceptableError
from dataplatform_formats.detection.text_encoding import Encoding, escaped, guess, is_mixed_utf8
from dataplatform_formats.detection.textscan import TextScan

_CONTROLS: Final = bytes(range(4, 9)) + bytes(range(14, 26))
"""Control characters that no text has a use for: without those that separate fields (Hive's 1 to 3, ASCII's 28 to 31),
the end-of-file mark of DOS (26), and escape."""
_CONTROL_SHARE: Final = 0.03
_NUL_SHARE: Final = 1000
_FEW_NULS: Final = 64
_NULS_IN_SHORT: Final = 10
"""A text may hold one NUL per so many bytes, or a few, as broken exports leave them."""
_MIXED_SHARE: Final = 100
"""One broken sequence per so many good continuation bytes still means UTF-8 with accidents."""
_MIXED_CONFIDENCE: Final = 0.8
_BY_LINE_CONFIDENCE: Final = 0.6

_MARKUP: Final = (
    (re.compile(r"<\?xml|<!--|<[a-z]+:?[a-z]*\s+xmlns", re.IGNORECASE), "an XML document"),
    (re.compile(r"<!doctype\s+html|<html|<head|<body|<table", re.IGNORECASE), "an HTML page"),
    (re.compile(r"<svg", re.IGNORECASE), "an SVG image"),
    (re.compile(r'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})|\[\s*(?:[\[{]|"(?:[^"\\]|\\.)*"\s*,\s*\n)'), "a JSON document"),
    (re.compile(r"-----BEGIN "), "a key or certificate"),
    (re.compile(r"BEGIN:V(?:CALENDAR|CARD)\b"), "a calendar or an address card"),
    (re.compile(r"\{\\rtf\d"), "an RTF document"),
    (re.compile(r"%!PS"), "a PostScript program"),
    # an element without declaration: an opening tag that another one follows, which is closed later on
    (
        re.compile(
            r"<([A-Za-z_][\w.:-]*)(?:\s+[\w.:-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*>\s*<[A-Za-z_!?].*?</", re.DOTALL
        ),
        "an XML document",
    ),
)

_JSON_LINES: Final = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:[^\n]*\}[ \t]*\r?\n\s*\{\s*"')


def detect_text(scan: TextScan, head: bytes) -> Detection:
    """Return what the text is; raises `UnacceptableError`.

    `utf-8` with a confidence below 1 means that some lines are in another encoding.
    """
    if len(head) == len(scan.bom):
        raise UnacceptableError("empty_file")
    if _has_many_nuls(scan) or _is_binary(scan, head):
        raise UnacceptableError("unknown_format", "the content is neither text nor a binary format known here")
    found = _encoding(scan, head)
    _refuse_markup(head.decode(found.encoding, errors="replace"))
    return Detection("csv", iana_name(found.encoding), found.confidence)


def _has_many_nuls(scan: TextScan) -> bool:
    few = scan.nuls <= _FEW_NULS and scan.nuls * _NULS_IN_SHORT <= scan.size_bytes
    return not few and scan.nuls * _NUL_SHARE > scan.size_bytes


def _is_binary(scan: TextScan, head: bytes) -> bool:
    if scan.encoding != "utf-8":
        return False
    return len(head) - len(head.translate(None, _CONTROLS)) > _CONTROL_SHARE * len(head)


def _encoding(scan: TextScan, head: bytes) -> Encoding:
    if not scan.errors:
        plain = escaped(head) if scan.encoding == "utf-8" else None
        return plain or Encoding(scan.encoding, 1.0)
    if scan.encoding != "utf-8":
        raise UnacceptableError("damaged_text", f"the text begins as {scan.encoding} and breaks its rules later")
    if scan.bom or scan.errors * _MIXED_SHARE <= scan.continuations:
        return Encoding("utf-8", _MIXED_CONFIDENCE)
    sample = bytes(scan.sample)
    return Encoding("utf-8", _BY_LINE_CONFIDENCE) if is_mixed_utf8(sample) else guess(sample)


def _refuse_markup(text: str) -> None:
    beginning = text.lstrip("\ufeff \t\r\n")[:4096]
    if _JSON_LINES.match(beginning):
        raise UnacceptableError("unsupported_format", "these are JSON lines, which are not read here")
    for pattern, what in _MARKUP:
        if pattern.match(beginning):
            raise UnacceptableError("unsupported_format", f"this is {what}, which is not read here")


def iana_name(encoding: str) -> str:
    """Return the IANA name of a Python codec, or Python's own where Python would not know the other (cp932)."""
    name = codecs.lookup(encoding).name
    if re.fullmatch(r"cp125\d", name):
        return name.replace("cp", "windows-")
    if name in {"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"}:
        return name[:6] + name[7:]
    return re.sub(r"^iso8859", "iso-8859", name).replace("_", "-")
