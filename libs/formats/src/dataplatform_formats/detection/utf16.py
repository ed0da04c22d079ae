"""UTF-16 and UTF-32 that do not say so: no byte order mark, as some exports write them."""

import unicodedata
from typing import Final

_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_UNITS: Final = {"utf-32-le": 4, "utf-32-be": 4, "utf-16-le": 2, "utf-16-be": 2}
_PLAUSIBLE_SHARE: Final = 0.97
_PLAIN_SHARE: Final = 0.02
"""Least share of spaces, digits, line ends and the like: of random pairs of bytes hardly any is one."""
_LOOKED_AT: Final = 16 * 1024
_PLAIN: Final = frozenset(" \n\r\t,;|.:-_/\"'0123456789\u3000\u3001\u3002\uff0c")
_ODD_CATEGORIES: Final = frozenset({"Cc", "Cn", "Co", "Cs"})
_ALLOWED: Final = frozenset("\n\r\t\f")


def encoding_of(head: bytes) -> str | None:
    """Return `utf-16-le`, `utf-16-be`, `utf-32-le` or `utf-32-be` if the head reads as a text in it, or None.

    Text in other encodings has no NUL bytes; here line ends, separators and digits have them.
    """
    if b"\x00" not in head:
        return None
    head = head[:_LOOKED_AT]
    candidates = {name: _plausibility(head, name) for name in _WIDE}
    best = max(candidates, key=candidates.__getitem__)
    return best if candidates[best] >= _PLAUSIBLE_SHARE else None


def _plausibility(head: bytes, name: str) -> float:
    # An odd byte, or half of a surrogate pair, may be the cut at the end of the head.
    unit = _UNITS[name]
    text = head[: len(head) - len(head) % unit].decode(name, errors="replace")
    text = text[:-1] if len(text) > 1 and not text[-1].isprintable() and text[-1] not in _ALLOWED else text
    if not text or "\ufffd" in text[:-1]:
        return 0.0
    plain = sum(1 for character in text if character in _PLAIN)
    if plain < max(len(text) * _PLAIN_SHARE, 1):
        return 0.0
    odd = sum(
        1 for character in text if unicodedata.category(character) in _ODD_CATEGORIES and character not in _ALLOWED
    )
    # of two readings without a flaw, the one with more plain characters is right
    return (1 - odd / len(text)) * (0.99 + 0.01 * plain / len(text))
