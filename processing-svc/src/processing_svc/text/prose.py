"""Whether a text is no table at all: running text, a program, a log, settings. Judged on the first lines of it.

In doubt it is a table: what is refused has neither rows of one width over several lines nor the looks of a list.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from processing_svc.text.cells import is_value, kind_of
from processing_svc.text.splitting import Format, Record, records

LOOKED_AT: Final = 400
_REGULAR: Final = 0.8
_VERY_REGULAR: Final = 0.95
_RUN: Final = 3
"""Records of one width below each other that may be a table among other text."""
_TYPED_SHARE: Final = 0.8
_LONG_RUN: Final = 0.5
_MOSTLY: Final = 0.5
_SOME: Final = 0.25
_FEW: Final = 0.1
_WRAPPED: Final = 0.15
_SHORT_LINE: Final = 5
"""Words of a line that is an entry of a list rather than a sentence."""
_HEADER_WORDS: Final = 3
_SENTENCE_WORDS: Final = 4
_LISTED: Final = frozenset({"number", "date", "boolean", "null", "url", "code", "word"})
_CODE: Final = re.compile(
    r"\s*(?:#include\b|#define\b|#!/|import\s[\w.{*]+|from\s[\w.]+\simport\b|(?:async )?def\s\w+\(|class\s\w+[(:{ ]"
    r"|function\b.*\(|return\b.*|(?:if|for|while|elif|else|try|except|with|switch)\b.*[:{(]\s*\S*|\}.*|\{|.*[{;]|.*\)\s*:"
    r"|@\w+.*|//.*|/\*.*|(?:public|private|static|const|let|var|final|void|int|double|float|char|bool)\s.*[({;=].*|#\s.*"
    r"|end|[\w.]+\s=\s.*[(\[{])\s*"
)
_SQL: Final = re.compile(
    r"\s*(?:CREATE\s+(?:TABLE|INDEX|VIEW|DATABASE)|INSERT\s+INTO|DROP\s+TABLE|ALTER\s+TABLE|SELECT\b|UPDATE\s+\w+\s+SET)\b",
    re.IGNORECASE,
)
_LOG: Final = re.compile(
    r"[\[(]?\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}.{0,60}?"
    r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\b"
)
_SETTING: Final = re.compile(r"\s*(?:- )?[\w.\"'-]+\s*[=:](?:\s.*)?|\s*\[[\w .:\"-]+\]\s*|\s*[#;].*|\s*- .*|---")
_SECTION: Final = re.compile(r"\[[\w .:\"-]+\]\s*|[\w.\"'-]+:\s*")
_MARKDOWN: Final = re.compile(r"#{1,6} \S.*|```.*|\s*[-*+] \S.*|\|?(?:\s*:?-{3,}:?\s*\|)+.*|\s*\d+\. \S.*|> .*")
_END: Final = re.compile(r".*[.!?:;,][\"')\]]?\s*")


def why_no_table(lines: Sequence[str], form: Format) -> str | None:
    """Return what a text is, in words, where it is no table in this format; None where it may be one."""
    lines = lines[:LOOKED_AT]
    filled = [line for line in lines if line.strip()]
    if not filled:
        return None
    if sum(bool(_SQL.match(line)) for line in filled) >= _SOME * len(filled):
        return "SQL statements"
    rows = [row for row in records(filled, form) if not row.is_blank]
    if not rows:
        return None
    regular = _regular_share(rows)
    if form.quote and regular >= _MOSTLY and _is_quoted(filled, form):
        return None
    what = _written_for_programs(filled, regular)
    if what is None and not (_is_regular(rows, regular, form) or _has_block(rows, form) or _is_list(lines, filled)):
        return "running text"
    return what


def is_list_of_words(lines: Sequence[str], form: Format) -> bool:
    """Whether lines are the entries of a list of names, titles or sentences, which the format only cuts in pieces."""
    lines = lines[:LOOKED_AT]
    filled = [line for line in lines if line.strip()]
    if not filled or not form.is_plain or not any(form.delimiter in line for line in filled):
        return False
    rows = [row for row in records(filled, form) if not row.is_blank]
    if not rows:
        return False
    if _is_regular(rows, _regular_share(rows), form) or _has_block(rows, form) or _typed_columns(rows):
        return False
    words = median(len(line.split()) for line in filled)
    return words > 1 and not _is_quoted(filled, form) and _is_list(lines, filled)


def _is_regular(rows: Sequence[Record], regular: float, form: Format) -> bool:
    """Whether nearly all records have one width; what single spaces part must be few words, or values."""
    typed = _typed_columns(rows) > 0
    if form.delimiter == " ":
        return regular >= _VERY_REGULAR and (typed or len(rows[0].fields) <= _HEADER_WORDS)
    return regular >= _REGULAR and (len(rows) >= _RUN or typed)


def _regular_share(rows: Sequence[Record]) -> float:
    """Return the share of records that have the usual width, if that is more than one."""
    widths = Counter(len(row.fields) for row in rows)
    width, count = max(widths.items(), key=lambda item: item[1])
    return count / len(rows) if width > 1 else 0.0


def _is_quoted(lines: Sequence[str], form: Format) -> bool:
    """Whether quotes stand where fields begin and end, as only tables have them."""
    mark, delimiter = form.quote, form.delimiter
    edges = (mark + delimiter, delimiter + mark) if delimiter else (mark,)
    return sum(any(edge in line for edge in edges) for line in lines) >= _SOME * len(lines)


def _written_for_programs(filled: Sequence[str], regular: float) -> str | None:
    count = len(filled)
    if regular < _VERY_REGULAR and sum(bool(_LOG.match(line)) for line in filled) >= _SOME * count:
        return "a log of messages"
    indented = sum(line[0] in " \t" for line in filled)
    if (
        sum(bool(_SETTING.fullmatch(line)) for line in filled) >= _REGULAR * count
        and sum(bool(_SECTION.fullmatch(line)) for line in filled) * 20 >= count
        and (indented >= _FEW * count or any(line.startswith("[") for line in filled))
    ):
        return "settings (names and values in sections)"
    if indented >= _SOME * count and sum(bool(_CODE.fullmatch(line)) for line in filled) >= _SOME * count:
        return "the text of a program"
    return None


def _typed_columns(rows: Sequence[Record]) -> int:
    """Return how many columns hold numbers, dates or truth values below their first record."""
    width = min(len(row.fields) for row in rows)
    body = rows[1:] or rows
    columns = ([cell for row in body if (cell := row.fields[index].strip())] for index in range(width))
    return sum(bool(cells) and sum(map(is_value, cells)) >= _TYPED_SHARE * len(cells) for cells in columns)


def _has_block(rows: Sequence[Record], form: Format) -> bool:
    """Whether several records below each other have one width, and a column of values or as many short fields."""
    best = 0
    for width, group in groupby(rows, key=lambda row: len(row.fields)):
        run = list(group)
        if width < 2 or len(run) < _RUN:  # noqa: PLR2004
            continue
        if form.delimiter != " " and (_typed_columns(run) or _is_short(run)):
            return True
        best = max(best, len(run))
    usual = Counter(len(row.fields) for row in rows if len(row.fields) > 1).most_common(1)
    alike = [row for row in rows if usual and len(row.fields) == usual[0][0]]  # remarks may stand between them
    if form.delimiter != " " and len(alike) >= _RUN and _typed_columns(alike):
        return True
    return best >= _LONG_RUN * len(rows) and form.delimiter in {"\t", "|", ";"}


def _is_short(run: Sequence[Record]) -> bool:
    """Whether the fields of some records are words or two, not pieces of sentences."""
    cells = [cell.strip() for row in run for cell in row.fields]
    filled = [cell for cell in cells if cell]
    usual = sum(kind_of(cell) in _LISTED for cell in filled)
    return len(run[0].fields) > 2 and len(filled) >= _TYPED_SHARE * len(cells) and usual >= _REGULAR * len(filled)  # noqa: PLR2004


def _is_list(lines: Sequence[str], filled: Sequence[str]) -> bool:
    """Whether lines are the entries of a list, one below the other."""
    texts = [line.strip() for line in filled]
    count = len(texts)
    if sum(kind_of(text) in _LISTED for text in texts) >= _MOSTLY * count:
        return True
    if sum(text[0] in "\"'" and text[-1] == text[0] for text in texts) >= _REGULAR * count:
        return True
    if sum(bool(_MARKDOWN.fullmatch(line)) for line in filled) >= _SOME * count:
        return False
    words = [len(text.split()) for text in texts]
    ends = [bool(_END.fullmatch(text)) for text in texts]
    wrapped = sum(below[0].islower() and not end and long > _SENTENCE_WORDS
                  for (_, below), end, long in zip(pairwise(texts), ends, words, strict=False))  # fmt: skip
    blanks = sum(not line.strip() and bool(below.strip()) for line, below in pairwise(lines))
    if wrapped > _WRAPPED * count or blanks > _FEW * count:
        return False
    if median(words) <= _SHORT_LINE and sum(ends) < _SOME * count:
        return True
    # entries that are sentences are a column where something names it
    return count > _RUN and words[0] <= _HEADER_WORDS and not ends[0] and not is_value(texts[0])
