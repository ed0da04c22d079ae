"""Where the words are: texts with `<mark>` around them, safe to put into a page, since all else in them is escaped."""

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any, Final

from catalog_svc.settings import settings

FRAGMENT: Final = 240
"""Characters of a description that are shown, around its first word that was looked for."""
MAX_PARTS: Final = 10
_READ: Final = 4_000
_WORD: Final = re.compile(r"[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_FORMS: Final = """
SELECT w.word FROM unnest(%s::text[]) AS w (word)
WHERE search_fold(w.word) = ANY (%s) OR EXISTS (
    SELECT 1 FROM unnest(%s::text[]) AS d (dictionary)
    WHERE ts_lexize(d.dictionary::regdictionary, lower(w.word)) && %s::text[])
"""

Texts = Mapping[str, str | Sequence[str]]


def highlights(cursor: Any, texts: Sequence[Texts], lexemes: Collection[str]) -> list[dict[str, str | list[str]]]:
    """Return, of each mapping of names to texts, those in which something was found, marked.

    A long text becomes a fragment; of a list of texts only those in which something was found are left.
    """
    cut = [{name: _cut(text) for name, text in one.items()} for one in texts]
    words = {word for one in cut for text in one.values() for part in text for word in _words(part)}
    found = _that_match(cursor, words, lexemes)
    return [_marked(one, given, found) for one, given in zip(cut, texts, strict=True)]


def _marked(cut: Mapping[str, Sequence[str]], given: Texts, found: Collection[str]) -> dict[str, str | list[str]]:
    shown: dict[str, str | list[str]] = {}
    for name, parts in cut.items():
        marked = [_mark(part, found) for part in parts if any(word in found for word in _words(part))]
        if marked:
            shown[name] = marked[0] if isinstance(given[name], str) else marked[:MAX_PARTS]
    return shown


def _that_match(cursor: Any, words: Collection[str], lexemes: Collection[str]) -> frozenset[str]:
    if not words or not lexemes:
        return frozenset()
    wanted, dictionaries = sorted(lexemes), [f"{language}_stem" for language in settings().languages]
    cursor.execute(_FORMS, (sorted(words), wanted, dictionaries, wanted))
    return frozenset(row[0] for row in cursor.fetchall())


def _cut(text: str | Sequence[str]) -> list[str]:
    return [text[:_READ]] if isinstance(text, str) else [part[:_READ] for part in text[:1000]]


def _words(text: str) -> list[str]:
    return [part for word in _WORD.findall(text) for part in _HUMP.split(word)]


def _mark(text: str, found: Collection[str]) -> str:
    """Return the text, or what is around the first find in it, escaped and marked."""
    spans = [(begin, begin + len(part)) for begin, part in _placed(text) if part in found]
    start = max(0, spans[0][0] - FRAGMENT // 3) if len(text) > FRAGMENT else 0
    start = text.rfind(" ", 0, start) + 1
    stop = min(len(text), start + FRAGMENT)
    pieces, at = ["… " if start else ""], start
    for begin, end in spans:
        if begin >= at and end <= stop:
            pieces += [escape(text[at:begin]), "<mark>", escape(text[begin:end]), "</mark>"]
            at = end
    return "".join([*pieces, escape(text[at:stop]), " …" if stop < len(text) else ""])


def _placed(text: str) -> list[tuple[int, str]]:
    placed = []
    for word in _WORD.finditer(text):
        begin = word.start()
        for part in _HUMP.split(word[0]):
            placed.append((begin, part))
            begin += len(part)
    return placed
