"""Names of months in European languages, as they stand in dates: full and short, also in the genitive."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

MONTHS: Final[Mapping[str, Sequence[str]]] = json.loads(Path(__file__).with_name("months.json").read_text("utf-8"))
"""By language, the widely spoken first: twelve entries, each the names of a month in lower case, without a point."""


def names_of(language: str) -> list[tuple[str, int]]:
    """Return every name of a language with the number of its month, the longest names first."""
    found = [(name, month) for month, names in enumerate(MONTHS[language], start=1) for name in names.split()]
    return sorted(found, key=lambda item: (-len(item[0]), item[0]))


def languages_of(word: str) -> frozenset[str]:
    """Return the languages in which a word in lower case names a month."""
    return _LANGUAGES.get(word, frozenset())


def _by_word() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for language in MONTHS:
        for name, _ in names_of(language):
            found.setdefault(name, set()).add(language)
    return {name: frozenset(languages) for name, languages in found.items()}


_LANGUAGES: Final = _by_word()
