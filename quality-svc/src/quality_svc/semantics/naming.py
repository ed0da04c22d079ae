"""Names of columns as words: `customerEMail_2`, `Kunden-Nr.` and `N° de téléphone` become comparable."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BRACKETS: Final = re.compile(r"[(\[{].*?[)\]}]")
_APART: Final = re.compile(r"[^\w]+|_+")
_NUMBERED: Final = re.compile(r"(?<=\D)\d+$")
_SPELLED: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "œ": "oe", "№": " no "}
)
_COMPOUND: Final = 6
"""Letters of a word that is looked for inside a longer one, as in `Kundentelefonnummer`."""
_IDEOGRAPHS: Final = 2
WHOLE: Final = 1.0
PART: Final = 0.8
INSIDE: Final = 0.6


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name: lower case, without accents, without what stands in brackets or counts it."""
    text = _BRACKETS.sub(" ", name) if _BRACKETS.sub(" ", name).strip() else name
    text = _HUMP.sub(" ", text).lower().translate(_SPELLED)
    text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    words = (
        word if word.isdigit() else _NUMBERED.sub("", word) for word in _APART.split(unicodedata.normalize("NFC", text))
    )
    named = tuple(word for word in words if word)
    return named[:-1] if len(named) > 1 and named[-1].isdigit() else named


@dataclass(frozen=True, slots=True)
class Names:
    """What one column is called: its name and the one in the original."""

    said: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, names: Iterable[str | None]) -> "Names":
        """Return the names as words; None and repetitions are left out."""
        return cls(tuple(dict.fromkeys(words for name in names if name and (words := words_of(name)))))

    def strength(self, vocabulary: frozenset[str]) -> float:
        """Return how clearly the names say a phrase of the vocabulary: 0, or `INSIDE`, `PART`, `WHOLE`."""
        return max((_strength(words, vocabulary) for words in self.said), default=0.0)

    def has(self, *words: str) -> bool:
        """Whether any of the words is in a name."""
        return any(word in said for said in self.said for word in words)


@lru_cache(maxsize=65_536)
def _strength(words: tuple[str, ...], vocabulary: frozenset[str]) -> float:
    if " ".join(words) in vocabulary or "".join(words) in vocabulary:
        return WHOLE
    for size in (3, 2, 1):
        for start in range(len(words) - size + 1):
            part = words[start : start + size]
            if " ".join(part) in vocabulary or (size > 1 and "".join(part) in vocabulary):
                return PART
    text = " ".join(words)
    return INSIDE if any(_inside(phrase, text) for phrase in vocabulary) else 0.0


def _inside(phrase: str, text: str) -> bool:
    enough = _IDEOGRAPHS if ord(phrase[0]) > 0x2E7F else _COMPOUND  # noqa: PLR2004 - first ideograph
    return len(phrase) >= enough and phrase in text


def phrases(text: str) -> frozenset[str]:
    """Return a vocabulary written as phrases between bars."""
    return frozenset(" ".join(words) for part in text.split("|") if (words := words_of(part.strip())))
