"""The encoding of a text: marks, proofs, and where there are none, which reading of its bytes is the likeliest.

The only detector of encodings of the platform. What the text holds is none of its business.
"""

import codecs
import re
from dataclasses import dataclass
from math import exp
from typing import Final

import chardet
from chardet import EncodingEra

from dataplatform_formats.detection import utf16
from dataplatform_formats.detection.text_letters import likelihood, plain_evidence

TELLING_BYTES: Final = 3 * 1024
"""So many bytes of different words decide; more would only cost time."""
LAST_RESORT: Final = "cp1252"
BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MULTIBYTE: Final = {
    "cp932": 0.0,
    "euc_jp": 0.0,
    "gb18030": 0.0,
    "big5hkscs": 0.0,
    "cp950": 0.0,
    "cp949": 0.0,
    "johab": -6.0,
}
_COMMON: Final = {
    "cp1252": 0.0, "cp1251": 0.0, "cp1250": 0.0, "cp1253": 0.0, "cp1254": -0.5, "cp1255": 0.0, "cp1256": 0.0,
    "cp1257": -0.5, "cp1258": -2.0, "cp874": 0.0, "iso8859-2": -0.5, "iso8859-15": -1.0, "iso8859-1": -0.5,
    "iso8859-5": -2.0, "iso8859-6": -1.0, "iso8859-7": -0.5, "iso8859-8": -1.0, "iso8859-9": -1.0,
    "iso8859-13": -1.5, "iso8859-4": -2.5, "koi8-r": -1.0, "koi8-u": -1.0, "cp866": -1.0, "cp850": -1.5,
    "cp437": -2.0, "cp852": -1.5, "mac-roman": -2.0, "mac-cyrillic": -3.0, "cp855": -3.0, "cp857": -3.0,
    "cp737": -2.0, "cp775": -2.5, "cp862": -2.0, "cp858": -2.5, "cp861": -3.5, "cp865": -3.5, "cp860": -4.0,
    "cp863": -4.0, "cp869": -3.5, "cp864": -4.0, "cp720": -3.0, "cp1125": -3.0, "mac-latin2": -3.0,
    "mac-greek": -3.0, "mac-turkish": -3.5, "mac-iceland": -4.0, "mac-croatian": -4.5, "iso8859-3": -5.0,
    "iso8859-10": -5.0, "iso8859-14": -5.0, "iso8859-16": -3.0, "kz1048": -4.0, "ptcp154": -5.0, "koi8-t": -5.0,
    "hp-roman8": -6.0,
}  # fmt: skip
"""The encodings in the race, and the logarithm of how much rarer than the usual one each is."""
_PRIORS: Final = _MULTIBYTE | _COMMON
_REPLACED: Final = -12.0
"""What a byte costs that an encoding does not have."""
_MOST_REPLACED: Final = 0.02
_SECOND_OPINION: Final = 3.0
_EBCDIC: Final = frozenset({"cp037", "cp1140", "cp424", "cp500", "cp875", "cp1026", "cp273"})
_ESCAPED: Final = re.compile(rb"\x1b[$(]|\x1b\$\)C|~\{[!-w][!-~]")
_ESCAPING: Final = ("iso2022_jp_ext", "iso2022_jp_2004", "iso2022_kr", "hz")
_TOKEN: Final = re.compile(rb'[^\x00-\x20",;]*[\x80-\xff][^\x00-\x20",;]*')
_SIGNS: Final = (b"\xa7", b"\xa6", b"\xac", b"\xa4", b"\xb6", b"\xb7")
_FEW_LINES: Final = 5
_NEARLY_ALL: Final = 0.95
_MOST: Final = 0.6
_MIXED_LINES: Final = 0.3
_CLEARLY_UTF8: Final = 12
"""A line with so many bytes of characters beyond ASCII, all of them right, is UTF-8 by no accident."""
_BY_LINE: Final = 0.6
_GUESSED: Final = 0.2


@dataclass(frozen=True, slots=True)
class Encoding:
    """What was found: Python's name of the encoding, and how sure that is, from 0 to 1."""

    encoding: str
    confidence: float


def detect_encoding(content: bytes) -> Encoding:
    """Return the encoding of a beginning of a text."""
    for mark, name in BOMS:
        if content.startswith(mark):
            return Encoding(name, 1.0)
    wide = utf16.encoding_of(content)
    if wide:
        return Encoding(wide, 0.95)
    if is_utf8(content):
        return escaped(content) or Encoding("utf-8", 1.0)
    return Encoding("utf-8", _BY_LINE) if is_mixed_utf8(content) else guess(content)


def is_utf8(sample: bytes) -> bool:
    """Whether a beginning of a file is UTF-8; a character cut off at its end is none's fault."""
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def is_mixed_utf8(sample: bytes) -> bool:
    """Whether lines beyond ASCII are UTF-8 in such a share, or so clearly, that the others are the exception."""
    good = bad = clear = 0
    for line in sample.splitlines():
        if line.isascii():
            continue
        try:
            sequences = len(line) - len(line.decode())
        except UnicodeDecodeError:
            bad += 1
        else:
            good += 1
            clear = max(clear, sequences)
    return bool(good) and (good >= (good + bad) * _MIXED_LINES or clear >= _CLEARLY_UTF8)


def escaped(content: bytes) -> Encoding | None:
    """Return the encoding of 7-bit text that switches alphabets by escape sequences, if it is such."""
    if not content.isascii() or not _ESCAPED.search(content):
        return None
    for name in _ESCAPING:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if not text.isascii() and "\x1b" not in text:
            return Encoding(name, 0.95)
    return None


def guess(sample: bytes) -> Encoding:
    """Return the likeliest encoding of text that is no UTF-8, by the lines of it that hold bytes beyond ASCII."""
    telling = _telling(sample)
    if not telling:
        return Encoding(LAST_RESORT, _GUESSED)
    second = _second_opinion(sample)
    if second in _EBCDIC:
        return Encoding(second, 0.7)
    plain = plain_evidence(sample[: 16 * 1024].decode("ascii", "replace").replace("\ufffd", "\u00a4"))
    scores: dict[str, tuple[float, str]] = {}
    for name, prior in _PRIORS.items():
        read = _read(telling, name)
        if read is not None:
            text, replaced = read
            bonus = _SECOND_OPINION if second and _same(telling, second, text) else 0.0
            scores[text] = max(
                scores.get(text, (float("-inf"), "")),
                (prior + bonus + replaced * _REPLACED, name),
            )
    ranked = sorted(((likelihood(text, plain) + extra, name) for text, (extra, name) in scores.items()), reverse=True)
    if not ranked:
        return Encoding(LAST_RESORT, _GUESSED)
    margin = ranked[0][0] - ranked[1][0] if len(ranked) > 1 else 20.0
    return Encoding(ranked[0][1], round(1 / (1 + exp(-min(margin, 20.0) / 3)), 3))


def _telling(sample: bytes) -> bytes:
    """Return the different words beyond ASCII, as they come, each with what stands around it."""
    found: dict[bytes, None] = {}
    size = 0
    if delimiter := _delimiter(sample):
        sample = sample.replace(delimiter, b",")
    for match in _TOKEN.finditer(sample):
        token = match.group()[:200]
        if token not in found:
            found[token] = None
            size += len(token) + 1
            if size > TELLING_BYTES:
                break
    return b"\n".join(found)


def _delimiter(sample: bytes) -> bytes | None:
    """Return the sign beyond ASCII that stands equally often in most lines: it delimits, and is no letter."""
    lines = [line for line in sample[: 16 * 1024].splitlines() if line]
    for sign in _SIGNS:
        counts = [line.count(sign) for line in lines]
        usual = max(counts, key=counts.count, default=0)
        least = _MOST if usual > 1 else _NEARLY_ALL
        if usual and len(lines) >= _FEW_LINES and counts.count(usual) >= least * len(lines):
            return sign
    return None


def _read(telling: bytes, name: str) -> tuple[str, int] | None:
    try:
        return telling.decode(name), 0
    except UnicodeDecodeError:
        pass
    except LookupError:
        return None
    text = telling.decode(name, "replace")
    replaced = text.count("\ufffd")
    return (text, replaced) if replaced <= len(telling) * _MOST_REPLACED else None


def _second_opinion(sample: bytes) -> str | None:
    found = chardet.detect(
        sample, encoding_era=EncodingEra.ALL, exclude_encodings=["utf-8", "ascii"], compat_names=False
    )
    return found["encoding"]


def _same(telling: bytes, name: str, text: str) -> bool:
    try:
        return telling.decode(name) == text
    except (UnicodeDecodeError, LookupError):
        return False
