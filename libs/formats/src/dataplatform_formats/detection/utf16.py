"""UTF-16 that does not say so: no byte order mark, as some exports write it."""

from typing import Final

_SEPARATORS: Final = frozenset("\n\r\t,;|")
_PRINTABLE_SHARE: Final = 0.97


def encoding_of(head: bytes) -> str | None:
    """Return `utf-16-le` or `utf-16-be` if the head reads as a table in it, or None.

    Text in other encodings has no NUL bytes; here line ends, separators and digits have one each.
    """
    if b"\x00" not in head:
        return None
    candidates = {name: _plausibility(head, name) for name in ("utf-16-le", "utf-16-be")}
    best = max(candidates, key=candidates.__getitem__)
    return best if candidates[best] >= _PRINTABLE_SHARE else None


def _plausibility(head: bytes, name: str) -> float:
    # An odd byte, or half of a surrogate pair, may be the cut at the end of the head.
    text = head[: len(head) & ~1].decode(name, errors="replace")[:-1]
    if not _SEPARATORS.intersection(text):
        return 0.0
    good = sum(1 for character in text if character.isprintable() or character in _SEPARATORS)
    return good / len(text)
