"""Patterns of text by classes of characters, as a person would write them: `AA-9999`, `a+@a+.a+`."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality_svc.profile.arrays import Array, Texts

SHOWN: Final = 10
LONGEST: Final = 40
"""Characters of a pattern that are shown; a longer one is told in runs."""
_MANY: Final = 0.5
"""Where the patterns shown cover less than this share of the values, runs tell more."""
_ASCII: Final = bytes(
    ord("A") if chr(code).isupper() else ord("a") if chr(code).islower() else ord("9") if chr(code).isdigit()
    else ord(" ") if code < 32 or chr(code).isspace() else code  # noqa: PLR2004 - control characters
    for code in range(128)
) + bytes(range(128, 256))  # fmt: skip
_IS_CLASS: Final = np.isin(np.arange(256), [ord(letter) for letter in "AaL9"])
_IS_BLANK: Final = np.arange(256) == ord(" ")
_CLASSES: Final = {"Lu": "A", "Lt": "A", "Ll": "a", "Nd": "9"}


class _Classes(dict[int, str]):
    """The class of each character, looked up once."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        found = _CLASSES.get(category) or ("L" if category[0] == "L" else " " if category[0] in "ZC" else chr(code))
        if category[0] == "M":
            found = ""  # a mark belongs to the letter before
        self[code] = found
        return found


_OTHERS: Final = _Classes()


def patterns_of(texts: Texts) -> tuple[list[tuple[str, int]], int, bool]:
    """Return the most frequent patterns with their counts, how many there are, and whether runs are collapsed."""
    total = texts.basis
    counted = _counted(texts)
    best = counted.most_common(SHOWN)
    collapsed = sum(count for pattern, count in best if len(pattern) <= LONGEST) < _MANY * total
    if collapsed:
        shorter: Counter[str] = Counter()
        for pattern, count in zip(collapsed_patterns(list(counted)), counted.values(), strict=True):
            shorter[pattern] += count
        counted = shorter
    return ranked(counted)[:SHOWN], len(counted), collapsed


def ranked(counted: "Counter[str]") -> list[tuple[str, int]]:
    """Return patterns with their counts, the most frequent first, ties in their own order; cut to be shown."""
    cut: Counter[str] = Counter()
    for pattern, count in counted.items():
        cut[pattern if len(pattern) <= LONGEST else pattern[: LONGEST - 1] + "…"] += count
    return sorted(cut.items(), key=lambda pair: (-pair[1], pair[0]))


def collapsed_patterns(patterns: Sequence[str]) -> list[str]:
    """Return patterns with each run of one class, however long, as the class and `+`, and blanks as one.

    All at once over their bytes: a random text has a run every few characters.
    """
    codes = np.frombuffer("\n".join(patterns).encode(), np.uint8)
    same = np.concatenate(([False], codes[1:] == codes[:-1]))
    kept = codes[~(same & (_IS_CLASS | _IS_BLANK)[codes])]
    told = np.repeat(kept, 1 + _IS_CLASS[kept])
    told[1:][_IS_CLASS[told[1:]] & (told[1:] == told[:-1])] = ord("+")
    return told.tobytes().decode().split("\n")


def _counted(texts: Texts) -> "Counter[str]":
    """Count all patterns: those of ASCII texts by one translation of the whole buffer, the others one by one."""
    values = texts.values
    if pa.types.is_large_string(values.type):
        values = values.cast(pa.string())
    plain = np.asarray(pc.string_is_ascii(values)) if len(values) else np.zeros(0, bool)
    counted: Counter[str] = Counter()
    if plain.any():
        ours = values if plain.all() else values.filter(pa.array(plain))
        encoded = _translated(ours).dictionary_encode()
        sums = np.bincount(np.asarray(encoded.indices), weights=texts.counts[plain])
        counted.update(dict(zip(encoded.dictionary.to_pylist(), map(int, sums), strict=True)))
    if not plain.all():
        rest = values.filter(pa.array(~plain)).to_pylist()
        for value, count in zip(rest, texts.counts[~plain].tolist(), strict=True):
            counted[value.translate(_OTHERS)] += count
    return counted


def _translated(values: Array) -> Array:
    """Return ASCII texts with each character as its class; lengths stay, so the offsets do."""
    _, offsets, data = values.buffers()
    content = b"" if data is None else data.to_pybytes().translate(_ASCII)
    return pa.Array.from_buffers(values.type, len(values), [None, offsets, pa.py_buffer(content)], offset=values.offset)
