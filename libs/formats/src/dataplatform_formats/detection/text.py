"""What a text is: its encoding, and that it may hold a table rather than markup or JSON."""

import codecs
import re
from typing import Final

import chardet
import charset_normalizer
from chardet import EncodingEra

from dataplatform_formats.detection.outcome import Detection, UnacceptableError
from dataplatform_formats.detection.textscan import TextScan

_CONTROLS: Final = bytes(range(4, 9)) + bytes(range(14, 26))
"""Control characters that no text has a use for: without those that separate fields (Hive's 1 to 3, ASCII's 28 to 31),
the end-of-file mark of DOS (26), and escape."""
_CONTROL_SHARE: Final = 0.03
_MIXED_SHARE: Final = 100
"""One broken sequence per so many good continuation bytes still means UTF-8 with accidents."""
_MIXED_CONFIDENCE: Final = 0.8
_AGREED_CONFIDENCE: Final = 0.9
_DOUBTFUL_CONFIDENCE: Final = 0.5
_ERAS: Final = EncodingEra.MODERN_WEB | EncodingEra.LEGACY_ISO | EncodingEra.LEGACY_REGIONAL
"""With DOS, Macintosh and mainframe code pages in the race, short Western samples go to them."""
_UNLIKELY: Final = [
    *("utf_8", "ascii", "mac_latin2", "mac_roman", "mac_cyrillic", "mac_greek", "mac_turkish", "mac_iceland"),
    *("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"),
]
_CONVINCING_COHERENCE: Final = 0.4
"""From here on the text reads like a language to charset-normalizer, which then knows better than chardet (Turkish)."""
_LAST_RESORT: Final = "windows-1252"
_LAST_CONFIDENCE: Final = 0.2

_MARKUP: Final = (
    (re.compile(r"<\?xml|<!--|<[a-z]+:?[a-z]*\s+xmlns", re.IGNORECASE), "an XML document"),
    (re.compile(r"<!doctype\s+html|<html|<head|<body|<table", re.IGNORECASE), "an HTML page"),
    (re.compile(r"<svg", re.IGNORECASE), "an SVG image"),
    (re.compile(r'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})|\[\s*(?:[\[{]|"(?:[^"\\]|\\.)*"\s*,\s*\n)'), "a JSON document"),
    (re.compile(r"-----BEGIN "), "a key or certificate"),
)


def detect_text(scan: TextScan, head: bytes) -> Detection:
    """Return what the text is; raises `UnacceptableError`."""
    if len(head) == len(scan.bom):
        raise UnacceptableError("empty_file")
    if scan.nul or _is_binary(scan, head):
        raise UnacceptableError("unknown_format", "the content is neither text nor a binary format known here")
    encoding, confidence = _encoding(scan)
    _refuse_markup(head.decode(encoding, errors="replace"))
    return Detection("csv", _iana(encoding), confidence)


def _is_binary(scan: TextScan, head: bytes) -> bool:
    if scan.encoding != "utf-8":
        return False
    return len(head) - len(head.translate(None, _CONTROLS)) > _CONTROL_SHARE * len(head)


def _encoding(scan: TextScan) -> tuple[str, float]:
    if not scan.errors:
        return scan.encoding, 1.0
    if scan.encoding != "utf-8":
        raise UnacceptableError("damaged_text", f"the text begins as {scan.encoding} and breaks its rules later")
    if scan.bom or scan.errors * _MIXED_SHARE <= scan.continuations:
        return "utf-8", _MIXED_CONFIDENCE
    return _guess(bytes(scan.sample))


def _guess(sample: bytes) -> tuple[str, float]:
    """Ask two detectors; where several encodings give the very same text, the most common one is the answer."""
    first = chardet.detect(sample, encoding_era=_ERAS, exclude_encodings=["utf-8", "ascii"])["encoding"]
    match = charset_normalizer.from_bytes(sample, cp_exclusion=_UNLIKELY).best()
    second = match.encoding if match else None
    if match and match.coherence >= _CONVINCING_COHERENCE:
        first, second = second, first
    guesses = [name for name in (first, second) if name and _decodes(sample, name)]
    if not guesses:
        return _LAST_RESORT, _LAST_CONFIDENCE
    texts = {sample.decode(name) for name in guesses}
    confidence = _AGREED_CONFIDENCE if len(guesses) > 1 and len(texts) == 1 else _DOUBTFUL_CONFIDENCE
    return _most_common(sample, guesses[0]), confidence


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _most_common(sample: bytes, guess: str) -> str:
    same = _decodes(sample, _LAST_RESORT) and sample.decode(_LAST_RESORT) == sample.decode(guess)
    return _LAST_RESORT if same else guess


def _refuse_markup(text: str) -> None:
    beginning = text.lstrip("\ufeff \t\r\n")[:4096]
    for pattern, what in _MARKUP:
        if pattern.match(beginning):
            raise UnacceptableError("unsupported_format", f"this is {what}, which is not read here")


def _iana(encoding: str) -> str:
    """Return the IANA name of a Python codec, or Python's own where Python would not know the other (cp932)."""
    name = codecs.lookup(encoding).name
    if re.fullmatch(r"cp125\d", name):
        return name.replace("cp", "windows-")
    if name in {"utf-16-le", "utf-16-be"}:
        return name.replace("16-", "16")
    return re.sub(r"^iso8859", "iso-8859", name).replace("_", "-")
