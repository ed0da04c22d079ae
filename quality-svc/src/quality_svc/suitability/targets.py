"""Targets: what of a column can be learnt, and which columns are likely to be meant where none is named."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from quality_svc.suitability.columns import Column, Flags, Floats, Ints
from quality_svc.suitability.document import Candidate

MOST_CLASSES: Final = 1_000
FEW_INTEGERS: Final = 30
"""Different integers up to which a column of numbers may be one of classes when nobody says so."""
FEW_VALUES: Final = 20
CLASS_ROWS: Final = 30
MOST_CANDIDATES: Final = 10

_NAMED: Final = re.compile(
    r"^(?:binary_?)?(?:class|target|label|y|outcome|response|result|goal)s?$|(?:^|[_\s])(?:target|label|class|outcome)$",
    re.IGNORECASE,
)
_USUAL_CLASS: Final = re.compile(
    r"churn|default|fraud|survived|status|type|category|species|diagnosis|quality|rating|grade|exited|attrition|approved|"
    r"deposit|subscribed|income|risk|winner|sentiment|spam|is_|has_",
    re.IGNORECASE,
)
_USUAL_NUMBER: Final = re.compile(
    r"price|sales|amount|cost|value|revenue|demand|count|cnt|total|score|strength|consumption|duration|age|charges|mpg|rate|"
    r"salary|wage|yield|medv|salary",
    re.IGNORECASE,
)


def is_classes(column: Column) -> bool:
    """Whether the values can be classes: texts, flags, or numbers of which there are few."""
    if column.distinct < 2 or column.role in {"empty", "constant", "unsupported"}:  # noqa: PLR2004 (classes)
        return False
    if column.role in {"category", "text", "identifier"} and column.numbers is None:
        return column.distinct <= MOST_CLASSES
    if column.numbers is None or column.role == "time":
        return False
    known = column.numbers[column.present]
    whole = bool(np.all(known == np.floor(known)))
    return column.distinct <= (MOST_CLASSES if whole and 2 * column.distinct <= known.size else FEW_VALUES)


def is_number(column: Column) -> bool:
    """Whether the values are numbers that differ."""
    return column.numbers is not None and column.role in {"number", "identifier"} and column.distinct > 1


def class_names(column: Column) -> list[str]:
    """Return the name of each code."""
    if column.levels or column.numbers is None:
        return list(column.levels)
    found = np.unique(column.numbers[column.present])
    if column.type == "bool":
        return ["true" if value else "false" for value in found]
    return [str(int(value)) if value.is_integer() else repr(float(value)) for value in found]


def codes_among(codes: Ints, kept: Flags) -> tuple[Ints, Ints]:
    """Return which rows are of kept codes, and their codes renumbered from 0."""
    rows = np.flatnonzero((codes >= 0) & np.append(kept, False)[codes])
    numbered = np.cumsum(kept) - 1
    return rows.astype(np.int64), numbered[codes[rows]].astype(np.int64)


def values_of(column: Column) -> Floats:
    """Return the numbers of a target; all NaN where it has none."""
    return column.numbers if column.numbers is not None else np.full(column.codes.size, np.nan)


def class_candidates(columns: Sequence[Column]) -> list[Candidate]:
    """Rank the columns that may be meant as classes: by name, place, number and size of the classes, completeness."""
    return _ranked([_class_candidate(column, columns) for column in columns if _may_be_classes(column)])


def number_candidates(columns: Sequence[Column]) -> list[Candidate]:
    """Rank the columns that may be meant as a number to tell: by name, place, variety, completeness."""
    return _ranked([_number_candidate(column, columns) for column in columns if is_number(column)])


def _ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.score)[:MOST_CANDIDATES]


def _may_be_classes(column: Column) -> bool:
    if not is_classes(column) or column.role in {"text", "identifier"}:
        return False
    return column.distinct <= (FEW_INTEGERS if column.numbers is not None else CLASS_ROWS * 4)


def _class_candidate(column: Column, columns: Sequence[Column]) -> Candidate:
    counts = np.bincount(column.codes[column.present], minlength=column.distinct)
    large = float((counts >= CLASS_ROWS).mean())
    shares = counts / counts.sum()
    balance = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum() / np.log(max(2, column.distinct)))
    few = 1.0 / (1.0 + 0.1 * (column.distinct - 2))
    named, words = _named(column, columns, _USUAL_CLASS)
    score = 0.5 * named + 0.15 * large + 0.1 * balance + 0.1 * few + 0.15 * column.completeness
    return Candidate(column=column.name, score=min(1.0, score), why=", ".join([*words, f"{column.distinct} classes"]))


def _number_candidate(column: Column, columns: Sequence[Column]) -> Candidate:
    variety = min(1.0, column.distinct / max(FEW_VALUES, 0.2 * column.codes.size))
    named, words = _named(column, columns, _USUAL_NUMBER)
    identifier = 0.0 if column.role == "identifier" else 1.0
    score = (0.5 * named + 0.3 * variety + 0.2 * column.completeness) * (0.1 + 0.9 * identifier)
    return Candidate(column=column.name, score=min(1.0, score), why=", ".join([*words, f"{column.distinct} values"]))


def _named(column: Column, columns: Sequence[Column], usual: re.Pattern[str]) -> tuple[float, list[str]]:
    """Return how much name and place speak for a target, and the reasons in words."""
    words: list[str] = []
    score = 0.0
    if _NAMED.search(column.name):
        score, words = 1.0, ["named like a target"]
    elif usual.search(column.name):
        score, words = 0.5, ["named like what is often asked for"]
    if column is columns[-1]:
        score, words = max(score, 0.3) + 0.3, [*words, "last column"]
    elif column is columns[0]:
        score, words = score + 0.1, [*words, "first column"]
    return min(1.0, score), words
