"""How likely a decoded text is, by the letters that follow each other in its words. Encodings are not known here.

The frequencies (`text_letters.json.xz`, made by `tools/letters/make.py`) are of names and sentences in 58 languages.
Only what differs between encodings counts: pairs with a letter beyond ASCII, and the characters that are no letters.
"""

# ruff: noqa: RUF001 - characters that look alike are what this is about

import json
import lzma
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import log
from typing import Final

CONTROL: Final = -26.0
SMOOTHING: Final = 4.0
UNSEEN: Final = 0.05
STRANGE: Final = -14.0
"""Logarithm of the likelihood of a letter that a language does not have."""
FOREIGN: Final = -8.0
"""What a letter costs that follows one of another script."""
CAMEL: Final = -7.0
"""A capital behind a small letter, one of them beyond ASCII: what one Cyrillic encoding looks like in another."""
INSIDE_WORD: Final = -14.0
"""A symbol between two letters: what a letter looks like in the wrong encoding."""
BESIDE_WORD: Final = -7.0
"""A symbol that touches a word on the side where it should not."""
BESIDE_HAN: Final = -8.0
ASCII_WEIGHT: Final = 0.3
"""What the words in plain ASCII tell of the language, next to those that are not."""
MOST_PLAIN_WORDS: Final = 150
_WORD: Final = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f\u0e31-\u0e4e\u064b-\u065f]+[^\W\d_]*)*")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_HAN: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\u3000-\u30ff]")
_BESIDE_HAN: Final = re.compile("(?<=[A-Za-z])[\u2e80-\ud7af\uff01-\uffef]|[\u2e80-\ud7af\uff01-\uffef](?=[A-Za-z])")
_ORDINALS: Final = frozenset("ªºµ")
_COMMON: Final = frozenset("\u00a0«»°§±·²³½€£–—‘’“”„…•®©™×№¿¡،؛؟%")
_JOINING: Final = frozenset("’·\u00ad–")
_BEFORE_WORD: Final = frozenset("«“„‘¿¡–—•©№§€£\u00a0")
_BEHIND_WORD: Final = frozenset("»”“’…–—®™²³\u00a0؟،؛")
_WIDE: Final = frozenset("、。「」『』・（）：，！％〜ー～；？\u3000【】《》“”‘’…—－／＋　々〇")
_LEVELS: Final = {
    # language: codec, first and last lead byte of its common characters, how many there are
    "zh_Hans": ("gb2312", 0xB0, 0xD7, 3755),
    "zh_Hant": ("big5", 0xA4, 0xC6, 5401),
    "ja": ("euc_jp", 0xB0, 0xCF, 2965),
    "ko": ("euc_kr", 0xB0, 0xC8, 2350),
}
_RARE: Final = dict.fromkeys("fy lb eo mt cy ga af gl eu ca sr_Latn az kk ur".split(), -3.0) | {"is": -2.5}  # noqa: SIM905
"""Logarithms of how much rarer than the others some languages are."""
_KANA: Final = re.compile("[\u3041-\u30ff]")


@dataclass(frozen=True, slots=True)
class Language:
    """The frequencies of one language: of pairs of letters, or of single ones where there are thousands."""

    name: str
    pairs: dict[str, float]
    after: dict[str, float]
    letters: dict[str, float]

    def pair(self, pair: str) -> float:
        """Return the logarithm of how likely the second letter is behind the first."""
        found = self.pairs.get(pair)
        if found is not None:
            return found
        return max(self.after.get(pair[0], FOREIGN) + self.letters.get(pair[1], STRANGE), STRANGE)


@cache
def _tables() -> dict[str, dict[str, dict[str, int]]]:
    packed = files(__package__).joinpath("text_letters.json.xz").read_bytes()
    tables: dict[str, dict[str, dict[str, int]]] = json.loads(lzma.decompress(packed))
    return tables


@cache
def spelled() -> tuple[Language, ...]:
    """Return the languages that are written with few letters."""
    return tuple(_language(name, table["pairs"]) for name, table in _tables().items() if "pairs" in table)


def _language(name: str, pairs: dict[str, int]) -> Language:
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for pair, count in pairs.items():
        first[pair[0]] += count
        second[pair[1]] += count
    total = sum(second.values())
    share = {letter: count / total for letter, count in second.items()}
    likely = {
        pair: log((count + SMOOTHING * share[pair[1]]) / (first[pair[0]] + SMOOTHING)) for pair, count in pairs.items()
    }
    after = {letter: log(SMOOTHING / (count + SMOOTHING)) for letter, count in first.items()}
    return Language(name, likely, after, {letter: log(part) for letter, part in share.items()})


@cache
def _ideographs(name: str) -> dict[str, float]:
    counts = _tables()[name]["letters"]
    total = sum(counts.values())
    _, _, _, common = _LEVELS[name]
    return {letter: log(0.6 * count / total + 0.4 / common) for letter, count in counts.items()}


def plain_evidence(text: str) -> dict[str, float]:
    """Return what words in plain ASCII tell of each language, as logarithms relative to the best."""
    words = list(dict.fromkeys(word.lower() for word in _PLAIN_WORD.findall(text)))[:MOST_PLAIN_WORDS]
    pairs: Counter[str] = Counter()
    for word in words:
        pairs.update(first + second for first, second in zip(f" {word}", f"{word} ", strict=True))
    found = {
        language.name: ASCII_WEIGHT * sum(count * max(language.pair(pair), -9.0) for pair, count in pairs.items())
        + _RARE.get(language.name, 0.0)
        for language in spelled()
    }
    best = max(found.values(), default=0.0)
    return {name: max(value - best, -12.0) for name, value in found.items()}


def likelihood(text: str, plain: dict[str, float]) -> float:
    """Return the logarithm of how likely a text is, in the language that fits it best.

    `plain` is the evidence of `plain_evidence`. Comparable only between readings of the same bytes.
    """
    pairs, fixed = _features(text)
    total = fixed + _symbols(text)
    if _HAN.search(text):
        wide = [(letter, count) for letter, count in Counter(text).items() if _HAN.match(letter)]
        total += max(sum(count * _wide(letter, name) for letter, count in wide) for name in _LEVELS)
        total += BESIDE_HAN * len(_BESIDE_HAN.findall(text))
    if not pairs:
        return total
    return total + max(
        sum(count * language.pair(pair) for pair, count in pairs.items()) + plain[language.name]
        for language in spelled()
    )


def _features(text: str) -> tuple[Counter[str], float]:
    pairs: Counter[str] = Counter()
    fixed = 0.0
    # a word that is there a hundred times tells no more than once
    for word in dict.fromkeys(_WORD.findall(text)):
        if word.isascii() or _HAN.match(word[-1]) or _HAN.match(word[0]):
            continue
        if word in _ORDINALS:
            continue
        fixed += CAMEL * _camels(word)
        low = word.lower()
        for first, second in zip(f" {low}", f"{low} ", strict=True):
            if not (first.isascii() and second.isascii()):
                pairs[first + second] += 1
    return pairs, fixed


def _camels(word: str) -> int:
    """Count changes of case that no writer makes: `mOSKWA`, `MüNCHEN` read wrongly, `LŠn`."""
    if word.islower() or word.isupper() or word[1:].islower():
        return 0
    found = int(word[0].islower() and word[1:].isupper())
    for first, second in pairwise(word):
        if not (first.isascii() and second.isascii()):
            found += int(first.islower() and second.isupper())
    return found + int(len(word) > 2 and word[:2].isupper() and word[2:].islower() and not word[1].isascii())  # noqa: PLR2004


def _symbols(text: str) -> float:
    total = 0.0
    for position, character in enumerate(text):
        if character.isascii() or (character.isalpha() and character not in _ORDINALS) or _HAN.match(character):
            continue
        before = text[position - 1] if position else " "
        behind = text[position + 1] if position + 1 < len(text) else " "
        total += _symbol(character, before, behind)
    return total


def _symbol(character: str, before: str, behind: str) -> float:
    category = unicodedata.category(character)
    if category[0] == "M":
        return 0.0 if before.isalpha() else STRANGE
    if category[0] == "C":
        return -5.0 if character in "\u200b\u200c\u200d\u200e\u200f\u00ad" else CONTROL
    if character in _ORDINALS:
        return -5.0 if before.isdigit() or before in "nN.º " else STRANGE
    found = -6.5 if character in _COMMON else -10.0
    if before.isalpha() and behind.isalpha():
        return found + (-3.0 if character in _JOINING else INSIDE_WORD)
    if (before.isalpha() and character not in _BEHIND_WORD) or (behind.isalpha() and character not in _BEFORE_WORD):
        found += BESIDE_WORD
    return found


@cache
def _wide(letter: str, name: str) -> float:
    known = _ideographs(name).get(letter)
    if known is not None:
        return known
    if letter in _WIDE:
        return -5.0
    codec, low, high, common = _LEVELS[name]
    if _KANA.match(letter):
        return -4.5 if name == "ja" else -12.0
    if "\uff01" <= letter <= "\uff5e":
        return -7.0
    try:
        lead = letter.encode(codec)[0]
    except UnicodeEncodeError:
        return STRANGE - 2
    return -log(common) - 1.0 if low <= lead <= high else -12.0
