"""Booleans as words, in several languages. A pair counts only where both of its words occur in the column."""

# ruff: noqa: E501, RUF001 - words of other alphabets
from collections.abc import Sequence
from functools import cache
from typing import Final

from processing_svc.kinds import Kind

PAIRS: Final = (
    ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("j", "n"), ("wahr", "falsch"), ("oui", "non"),
    ("o", "n"), ("vrai", "faux"), ("sí", "no"), ("si", "no"), ("sì", "no"), ("s", "n"), ("verdadero", "falso"),
    ("vero", "falso"), ("sim", "não"), ("sim", "nao"), ("verdadeiro", "falso"), ("ja", "nee"), ("ja", "nej"), ("ja", "nei"),
    ("tak", "nie"), ("ano", "ne"), ("áno", "nie"), ("igen", "nem"), ("da", "nu"), ("da", "ne"), ("kyllä", "ei"),
    ("evet", "hayır"), ("да", "нет"), ("так", "ні"), ("да", "не"), ("ναι", "όχι"), ("true", "false"), ("是", "否"),
    ("はい", "いいえ"),
)  # fmt: skip
"""The word for true, the word for false, in lower case."""


def propose_words(values: Sequence[str]) -> list[Kind]:
    """Return the kinds of every pair of which these texts show a word."""
    seen = {value.lower() for value in values}
    return [_pair(*pair) for pair in PAIRS if seen & set(pair)]


@cache
def _pair(true: str, false: str) -> Kind:
    words = f"lower(@) IN ('{true}', '{false}')"
    return Kind(
        "boolean",
        "BOOLEAN",
        words,
        f"lower(@) = '{true}'",
        f"(?i:{true}|{false})",
        hint=f"bool_or(lower(@) = '{true}') AND bool_or(lower(@) = '{false}')",
        format=f"{true}/{false}",
    )
