"""Text as OOXML writes it becomes text: XML's entities and line ends, and the escapes `_xHHHH_` of characters."""

import re
from typing import Final

from processing_svc.grid.arrow import ArrowArray, arrow, compute

_ENTITY: Final = re.compile(r"&(#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|amp|lt|gt|quot|apos);")
_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_LAST_CODE_POINT: Final = 0x10FFFF


def unescaped(texts: ArrowArray) -> ArrowArray:
    """Resolve entities and escapes in an array of text that was cut out of XML."""
    suspicious = compute.fill_null(compute.match_substring_regex(texts, r"[&\r]|_x[0-9A-Fa-f]{4}_"), fill_value=False)
    if not compute.any(suspicious).as_py():
        return texts
    changed = [unescape(item) for item in texts.filter(suspicious).to_pylist()]
    return compute.replace_with_mask(texts, suspicious, arrow.array(changed, texts.type))


def unescape(text: str) -> str:
    """Resolve the entities, line ends and escapes of one piece of XML text."""
    return decode_escapes(_ENTITY.sub(_entity, text.replace("\r\n", "\n").replace("\r", "\n")))


def decode_escapes(text: str) -> str:
    """Resolve `_x000D_` and the like (ECMA-376 part 1, 22.4.2.4); pairs of surrogates become one character."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _entity(found: re.Match[str]) -> str:
    name = found[1]
    if not name.startswith("#"):
        return _NAMED[name]
    digits = name[1:].lower()
    code = int("0" + digits, base=0) if digits.startswith("x") else int(digits)
    return chr(code) if 0 < code <= _LAST_CODE_POINT and not 0xD800 <= code < 0xE000 else "\ufffd"  # noqa: PLR2004 - surrogates
