"""From terms to PostgreSQL's text queries: the forms of words in every language, what begins so, what is nearly so."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog_svc.search.language import Asked, Term
from catalog_svc.settings import settings

MAX_COMPLETIONS: Final = 100
"""Most words that a prefix stands for: those that most documents have."""

_FORMS: Final = """
SELECT t.n, c.config = 'simple', phraseto_tsquery(c.config::regconfig, CASE c.config WHEN 'simple'
       THEN search_fold(t.text) ELSE t.text END)::text
FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n) CROSS JOIN unnest(%s::text[]) AS c (config)
"""
_COMPLETIONS: Final = "SELECT word FROM search_words WHERE word LIKE %s ORDER BY word LIMIT %s"
# what ANALYZE found to be most frequent; it knows stems too, which are no words
_FREQUENT: Final = """
SELECT w.word
FROM pg_stats s, unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS u (word, frequency)
JOIN search_words w ON w.word = u.word
WHERE s.schemaname = 'public' AND s.tablename = 'search_documents' AND s.attname = 'words' AND u.word LIKE %s
ORDER BY u.frequency DESC, u.word LIMIT %s
"""
_NOT_A_WORD: Final = re.compile(r"[\W_]+")
_PARTS: Final = re.compile(r"'((?:[^']|'')*)'|<(?:-|\d+)>")


@dataclass(frozen=True)
class Query:
    """A text query, the one for documents that have it all in their titles, and what it looks for.

    `text` is empty where there is nothing to look for. `exact`: every prefix stands for all words that begin so.
    """

    text: str
    titles: str
    lexemes: frozenset[str]
    exact: bool = True

    @property
    def is_positive(self) -> bool:
        """Whether it looks for anything, and not only leaves out."""
        return bool(self.titles)


NOTHING: Final = Query("", "", frozenset())


def build(cursor: Any, asked: Asked, instead: Mapping[str, Collection[str]] | None = None) -> Query:
    """Return the query for what was asked; `instead`: words that are looked for in the place of a term's text."""
    forms = _Forms(cursor, [term for term in asked.terms if term.kind != "prefix"], instead or {})
    partial = False
    texts, titles, lexemes = [], [], set[str]()
    for alternative in asked.alternatives:
        wanted, unwanted = list[list[str]](), list[list[str]]()
        for term in alternative:
            if term.kind == "prefix":
                words, cut = completions(cursor, term.text)
                partial |= cut
                found = [quoted(word) for word in words] or [quoted(fold(cursor, term.text))]
            else:
                found = forms.of(term, alone=len(alternative) == 1)
            if found:
                (unwanted if term.excluded else wanted).append(found)
        if wanted or unwanted:
            texts.append(_all(["(" + " | ".join(found) + ")" for found in wanted], unwanted))
            lexemes |= {lexeme for found in wanted for one in found for lexeme in _lexemes(one)}
        if wanted:
            titles.append(_all(["(" + " | ".join(map(_in_title, found)) + ")" for found in wanted], unwanted))
    complete = len(titles) == len(texts)
    return Query(_any(texts), _any(titles) if complete else "", frozenset(lexemes), not partial)


class _Forms:
    """The forms of terms in the languages configured, asked for at once."""

    def __init__(self, cursor: Any, terms: Sequence[Term], instead: Mapping[str, Collection[str]]) -> None:
        texts = sorted({text for term in terms for text in instead.get(term.text, [term.text])})
        self._instead = instead
        self._plain: dict[str, str] = {}
        self._stems: dict[str, list[str]] = {text: [] for text in texts}
        cursor.execute(_FORMS, (texts, ["simple", *settings().languages]))
        for number, is_plain, query in cursor.fetchall():
            if is_plain:
                self._plain[texts[number - 1]] = query
            else:
                self._stems[texts[number - 1]].append(query)

    def of(self, term: Term, *, alone: bool) -> list[str]:
        """Return the forms of a term; none for a word that some language leaves out, where it is not alone."""
        found = []
        for text in sorted(self._instead.get(term.text, [term.text])):
            if term.kind == "word" and not alone and "" in self._stems[text]:
                continue
            found += [self._plain[text], *self._stems[text]]
        return list(dict.fromkeys(f"({form})" if " " in form else form for form in found if form))


def completions(cursor: Any, prefix: str) -> tuple[list[str], bool]:
    """Return the words that begin so, the most frequent ones where there are too many; and whether there are."""
    start = _NOT_A_WORD.sub("", fold(cursor, prefix)) + "%"
    if start == "%":
        return [], False
    cursor.execute(_COMPLETIONS, (start, MAX_COMPLETIONS + 1))
    words = [row[0] for row in cursor.fetchall()]
    if len(words) <= MAX_COMPLETIONS:
        return words, False
    cursor.execute(_FREQUENT, (start, MAX_COMPLETIONS))
    return list(dict.fromkeys([*(row[0] for row in cursor.fetchall()), *words]))[:MAX_COMPLETIONS], True


def fold(cursor: Any, text: str) -> str:
    """Return a text in lower case and without accents, as words are kept."""
    cursor.execute("SELECT search_fold(%s)", (text,))
    return str(cursor.fetchone()[0])


def quoted(word: str) -> str:
    """Return a lexeme as a text query says it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _all(wanted: Sequence[str], unwanted: Sequence[Sequence[str]]) -> str:
    return " & ".join([*wanted, *("!(" + " | ".join(found) + ")" for found in unwanted)])


def _any(alternatives: Sequence[str]) -> str:
    return " | ".join(f"({one})" if len(alternatives) > 1 else one for one in alternatives)


def _in_title(form: str) -> str:
    """Return the form as keys of titles, which have no positions: a phrase is all of its words."""
    return _PARTS.sub(lambda found: "&" if found[0][0] == "<" else f"'^{found[1]}'", form)


def _lexemes(form: str) -> list[str]:
    return [found[1].replace("''", "'").replace("\\\\", "\\") for found in _PARTS.finditer(form) if found[0][0] == "'"]
