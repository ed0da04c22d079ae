"""What people type into a search: words, "phrases", prefix*, -without, or. Pure; what words mean is for `matching`."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from dataplatform.problems import Problem

MAX_TERMS: Final = 64
_TOKEN: Final = re.compile(r'(-?)(?:"([^"]*)(?:"|$)|([^\s"]+))')


@dataclass(frozen=True)
class Term:
    """One thing to look for, or (`excluded`) not to find."""

    text: str
    kind: Literal["word", "phrase", "prefix"] = "word"
    excluded: bool = False


@dataclass(frozen=True)
class Asked:
    """What was asked for: any of the alternatives, of each all terms."""

    alternatives: tuple[tuple[Term, ...], ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms."""
        return tuple(term for alternative in self.alternatives for term in alternative)


def parse(typed: str) -> Asked:
    """Return what `typed` asks for; what is no word asks for nothing. Raises a 422 problem for too many words."""
    alternatives: list[list[Term]] = [[]]
    for minus, phrase, word in _TOKEN.findall(typed):
        if word.lower() == "or" and not minus:
            alternatives.append([])
        elif (term := _term(phrase, word, excluded=bool(minus))) is not None:
            alternatives[-1].append(term)
    asked = Asked(tuple(tuple(dict.fromkeys(found)) for found in alternatives if found))
    if len(asked.terms) > MAX_TERMS:
        raise Problem("search_too_long", "Search too long", 422, f"a search has {MAX_TERMS} words at most")
    return asked


def _term(phrase: str, word: str, *, excluded: bool) -> Term | None:
    text, kind = (phrase, "phrase") if phrase else (word, "word")
    if word.endswith("*"):
        text, kind = word.rstrip("*"), "prefix"
    if not any(letter.isalnum() for letter in text):
        return None
    return Term(text.strip(), kind, excluded)  # type: ignore[arg-type] # one of the three above
