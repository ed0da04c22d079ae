"""Texts that are nearly the same, and passages that many texts share.

MinHash (Broder 1997) of three-word shingles with bands (Leskovec, Rajaraman and Ullman, chapter 3): two texts are near
duplicates where their signatures agree on `ALIKE` or more, which estimates the Jaccard index to +- 0.05 (one sigma).
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

PERMUTATIONS: Final = 64
BANDS: Final = 16
ALIKE: Final = 0.8
SHINGLE_WORDS: Final = 3
PASSAGE_WORDS: Final = 6
COMMON_SHARE: Final = 0.05
COMMON_TEXTS: Final = 3
MOST_WORDS: Final = 400
"""Words of a text that are looked at."""
MOST_COMPARED: Final = 20
"""Earlier texts of a band that one is compared with."""
_PRIME: Final = np.uint64((1 << 31) - 1)

Signatures = npt.NDArray[np.uint64]


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case; where writing has no spaces, its characters."""
    words = text.lower().split()[:MOST_WORDS]
    if len(words) < SHINGLE_WORDS and len(text) > 4 * PASSAGE_WORDS and not text.isascii():
        return [character for character in text if not character.isspace()][:MOST_WORDS]
    return words


def near_duplicates(texts: Sequence[list[str]], seed: int) -> int:
    """Return how many texts (as words) nearly repeat an earlier one."""
    signatures = np.stack([_signature(words, *_permutations(seed)) for words in texts]) if texts else np.zeros((0, 1))
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    found = 0
    width = PERMUTATIONS // BANDS
    for number, signature in enumerate(signatures):
        keys = [(band, signature[band * width : (band + 1) * width].tobytes()) for band in range(BANDS)]
        others = {other for key in keys for other in buckets[key][:MOST_COMPARED]}
        if any(float((signatures[other] == signature).mean()) >= ALIKE for other in others):
            found += 1
            continue  # the earlier one stands for both
        for key in keys:
            buckets[key].append(number)
    return found


def boilerplate_share(texts: Sequence[list[str]]) -> float:
    """Return the share of words that stand in passages of six words that many texts have."""
    frequency: Counter[int] = Counter()
    passages = [
        [_hash(words[at : at + PASSAGE_WORDS]) for at in range(len(words) - PASSAGE_WORDS + 1)] for words in texts
    ]
    for found in passages:
        frequency.update(set(found))
    needed = max(COMMON_TEXTS, COMMON_SHARE * len(texts))
    covered = total = 0
    for words, found in zip(texts, passages, strict=True):
        marked = np.zeros(len(words), bool)
        for at, passage in enumerate(found):
            if frequency[passage] >= needed:
                marked[at : at + PASSAGE_WORDS] = True
        covered += int(marked.sum())
        total += len(words)
    return covered / total if total else 0.0


def _hash(words: Sequence[str]) -> int:
    return zlib.crc32("\x1f".join(words).encode("utf-8", "surrogatepass"))


def _permutations(seed: int) -> tuple[Signatures, Signatures]:
    draws = np.random.default_rng([seed, 9])
    return (
        draws.integers(1, int(_PRIME), PERMUTATIONS, dtype=np.uint64),
        draws.integers(0, int(_PRIME), PERMUTATIONS, dtype=np.uint64),
    )


def _signature(words: Sequence[str], factors: Signatures, offsets: Signatures) -> Signatures:
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    shingles = np.unique(np.array([_hash(words[at : at + SHINGLE_WORDS]) for at in range(last)], np.uint64)) % _PRIME
    return np.asarray((shingles[:, None] * factors + offsets).__mod__(_PRIME).min(axis=0), np.uint64)
