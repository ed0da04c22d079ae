"""Text and NLP: whether there is a column of texts that a model could read.

Gate: a text column whose median is 5 words or more. Evidence: the mean of three shares: texts in the main language,
texts that do not nearly repeat another, words outside of passages that many texts share.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quality_svc.suitability.columns import Column
from quality_svc.suitability.document import Candidate, Finding, Fix, Gate
from quality_svc.suitability.near_duplicates import boilerplate_share, near_duplicates, words_of
from quality_svc.suitability.scoring import (
    DIMENSION_WEIGHT,
    EVIDENCE_WEIGHT,
    NO_EVIDENCE,
    Answer,
    Evidence,
    mean_evidence,
)
from quality_svc.suitability.tasks.interface import Question, rows_gate

FEWEST_WORDS: Final = 5
FEWEST_ROWS: Final = 10
MOST_TEXTS: Final = 3_000
LANGUAGE_TEXTS: Final = 400
LANGUAGE_CHARACTERS: Final = 600
SHORTEST_FOR_LANGUAGE: Final = 20
"""Characters below which a language is a guess."""
LEGIBLE_LETTERS: Final = 0.6
ENOUGH_WORDS: Final = 50_000
"""Words that are called enough to learn a vocabulary from."""
MOST_CANDIDATES: Final = 10
DRAWS: Final = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What the texts looked at are like; shares of texts, but of words for boilerplate."""

    texts: int
    words: int
    median_words: float
    languages: dict[str, float]
    near_duplicates: float
    boilerplate: float
    legible: float
    vocabulary: int


class Text:
    """Reading texts: language, repeats, boilerplate."""

    name = "text"

    def judge(self, question: Question) -> Answer:
        """Judge the column given, or the one with the longest texts."""
        table, columns = question.table, question.table.sample.columns
        candidates = [] if question.target is not None else _candidates(columns)
        target = None
        if question.target is not None:
            target = columns[table.position(question.target)]
        elif candidates:
            target = table.sample.named(candidates[0].column)
        gates = (rows_gate(table.row_count, FEWEST_ROWS), _text_gate(target))
        readable = all(gate.passed for gate in gates) and target is not None
        reading = _read(target, question.seed) if readable and target is not None else None
        evidence = NO_EVIDENCE if reading is None else _evidence(reading, question.seed)
        dimensions = {} if reading is None or target is None else _dimensions(target, reading, table.row_count)
        return Answer(
            task=self.name,
            target=None if target is None else target.name,
            gates=gates,
            evidence=evidence,
            dimensions=dimensions,
            sampled=table.sample.sampled,
            seed=question.seed,
            conditions=("no column was given: the one with most words was judged",) if len(candidates) > 1 else (),
            fixes=tuple(_fixes(evidence, dimensions)),
            candidates=tuple(candidates),
            findings=tuple(_findings(reading)),
            facts={} if reading is None else _facts(reading),
        )


def _median_words(column: Column) -> float:
    """Return the median number of words of the texts, by what is shown of each."""
    if column.numbers is not None or not column.levels:
        return 0.0
    counts = np.array([len(words_of(level)) for level in column.levels])
    return float(np.median(counts[column.codes[column.present]])) if column.present.any() else 0.0


def _candidates(columns: tuple[Column, ...]) -> list[Candidate]:
    found = []
    for column in columns:
        median = _median_words(column) if column.role in {"text", "category", "identifier"} else 0.0
        if median >= FEWEST_WORDS:
            variety = column.distinct / max(1, int(column.present.sum()))
            score = min(1.0, median / 50) * 0.5 + 0.3 * variety + 0.2 * column.completeness
            found.append(Candidate(column=column.name, score=min(1.0, score), why=f"{median:g} words at the median"))
    return sorted(found, key=lambda candidate: -candidate.score)[:MOST_CANDIDATES]


def _text_gate(target: Column | None) -> Gate:
    median = 0.0 if target is None else _median_words(target)
    name = "no column" if target is None else target.name
    return Gate(
        name="text_column",
        passed=median >= FEWEST_WORDS,
        evidence=f"{name}: {median:g} words at the median" if target is not None else "no column has texts of 5 words",
        value=median,
        threshold=FEWEST_WORDS,
    )


def _read(column: Column, seed: int) -> Reading:
    rows = np.flatnonzero(column.present)
    rows = np.sort(np.random.default_rng([seed, 10]).permutation(rows)[:MOST_TEXTS])
    texts = [column.levels[code] for code in column.codes[rows]]
    words = [words_of(text) for text in texts]
    return Reading(
        texts=len(texts),
        words=sum(map(len, words)),
        median_words=float(np.median([len(one) for one in words])),
        languages=_languages(texts[:: max(1, len(texts) // LANGUAGE_TEXTS)]),
        near_duplicates=near_duplicates(words, seed) / len(texts),
        boilerplate=boilerplate_share(words),
        legible=float(np.mean([_is_legible(text) for text in texts])),
        vocabulary=len({word for one in words for word in one}),
    )


def _languages(texts: list[str]) -> dict[str, float]:
    """Return the share of each language among texts long enough to tell it."""
    import py3langid  # noqa: PLC0415 (its model is loaded at import)

    long = [text[:LANGUAGE_CHARACTERS] for text in texts if len(text) >= SHORTEST_FOR_LANGUAGE] or texts
    found = Counter(py3langid.classify(text)[0] for text in long)
    return {language: count / len(long) for language, count in found.most_common()}


def _is_legible(text: str) -> bool:
    """Whether a text is mostly letters, and nothing in it says that its encoding was misread."""
    letters = sum(unicodedata.category(character)[0] in "LM" or character.isspace() for character in text)
    return letters >= LEGIBLE_LETTERS * len(text) and "\ufffd" not in text and "Ã" not in text


def _evidence(reading: Reading, seed: int) -> Evidence:
    items = {
        "main_language": next(iter(reading.languages.values()), 0.0),
        "different_texts": 1 - reading.near_duplicates,
        "own_words": 1 - reading.boilerplate,
    }
    draws = np.random.default_rng([seed, 11])
    sizes = {
        "main_language": min(reading.texts, LANGUAGE_TEXTS),
        "different_texts": reading.texts,
        "own_words": reading.texts,
    }

    def drawn_again() -> float:
        shares = [draws.binomial(sizes[name], min(1.0, value)) / sizes[name] for name, value in items.items()]
        return float(np.mean(shares))

    drawn = [drawn_again() for _ in range(DRAWS)]
    return mean_evidence(items, drawn, "texts drawn again")


def _dimensions(target: Column, reading: Reading, rows: int) -> dict[str, float]:
    words = reading.words / max(1, reading.texts) * rows * target.completeness
    return {
        "completeness": target.completeness,
        "legibility": reading.legible,
        "sufficiency": min(1.0, words / ENOUGH_WORDS),
    }


def _fixes(evidence: Evidence, dimensions: dict[str, float]) -> list[Fix]:
    words = {
        "main_language": ("split_languages", "treat other languages apart"),
        "different_texts": ("remove_near_duplicates", "keep one of texts that are nearly the same"),
        "own_words": ("remove_boilerplate", "cut passages that many texts share"),
        "completeness": ("fill_gaps", "find the texts that are missing"),
        "legibility": ("repair_encoding", "repair texts that are mostly no letters or were misread"),
        "sufficiency": ("collect_rows", f"collect {ENOUGH_WORDS:,} words or more"),
    }
    found = []
    for items, weight in ((evidence.items, EVIDENCE_WEIGHT), (dimensions, DIMENSION_WEIGHT)):
        for name, value in items.items():
            action, detail = words[name]
            found.append(Fix(action=action, detail=detail, gain=weight / len(items) * (1 - value), basis="bound"))
    return found


def _findings(reading: Reading | None) -> list[Finding]:
    if reading is None:
        return []
    found = []
    if reading.near_duplicates:
        words = "nearly repeat another text"
        found.append(Finding(kind="near_duplicates", detail=words, share=reading.near_duplicates))
    if reading.boilerplate:
        found.append(
            Finding(kind="boilerplate", detail="of the words are in shared passages", share=reading.boilerplate)
        )
    return found


def _facts(reading: Reading) -> dict[str, Any]:
    return {
        "texts": reading.texts,
        "words": reading.words,
        "median_words": reading.median_words,
        "vocabulary": reading.vocabulary,
        "languages": dict(list(reading.languages.items())[:10]),
    }
