"""Which format a text has, found on a sample: every candidate splits it, the most consistent rows of values win.

A measure of our own after CleverCSV's (van den Burg, Nazábal, Sutton, 2019: pattern score times type score), made
robust to ragged rows and to text around the table.
"""

# ruff: noqa: RUF001 - delimiters of other scripts

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from processing_svc.text.cells import kind_of, trust
from processing_svc.text.splitting import Format, Record, records

SAMPLE_LINES: Final = 200
SAMPLE_CELLS: Final = 6_000
_USUAL: Final = {",": 1.0, ";": 1.0, "\t": 1.0, "|": 1.0}
_MANY: Final = {
    ", ": 1.02, "; ": 1.02, "||": 1.05, "::": 0.9, "|~|": 1.05, "~|~": 1.05, " | ": 1.05, ";;": 0.9,
    "\t\t": 0.9, "^|": 1.05, "|^": 1.05, "@@": 0.9, "##": 0.9, "$$": 0.9, "%%": 0.9, "&&": 0.9, "~~": 0.9,
    "^^": 0.9, "=>": 0.8, "->": 0.8, ",,": 0.5, " , ": 1.02, " ; ": 1.02,
}  # fmt: skip
_RARE: Final = {
    "\x01": 1.0, "\x1f": 1.0, "\x1e": 1.0, "\x02": 1.0, "§": 0.95, "¦": 0.95, "^": 0.9, "~": 0.9, "¬": 0.95,
    "¤": 0.95, "þ": 0.95, "#": 0.6, "$": 0.5, "&": 0.6, "@": 0.5, "!": 0.6, "*": 0.6, "%": 0.5, "+": 0.4,
    "=": 0.5, "\\": 0.5, "·": 0.7, "•": 0.8, "\u00a0": 0.5, ":": 0.6, "/": 0.3, "_": 0.3, "-": 0.3, "，": 0.9,
    "；": 0.9, "、": 0.8, "｜": 0.9,
}  # fmt: skip
_OFTEN: Final = 2
_GAPS: Final = 0.9
_DOUBLED: Final = 0.5
"""What a delimiter loses behind whose every field stands an empty one: then the delimiter is two of it."""
_SPACE: Final = 0.55
_ALIGNED: Final = 0.9
_FIXED: Final = 0.75
_LEAST_USUAL: Final = 0.4
"""Share of the rows that the usual width must have, or they hardly are a table."""
_ODD_PROSE: Final = 0.1
"""What a space as the delimiter is worth where the rows differ in width: it is prose then."""
_NO_DELIMITER: Final = 0.02
_APOSTROPHE: Final = 0.95
_PROSE_FIELD: Final = 40
_WHOLE: Final = frozenset({"number", "date", "url"})
_NEARLY_ALL: Final = 0.95
_FEW: Final = 3
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.{1,4}?)"?')
"""What Excel writes, and reads, as a first line that names the delimiter."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The format that was found, how sure that is (0 to 1), and how many first lines only name it."""

    form: Format
    confidence: float
    skip: int = 0


def sniff(lines: Sequence[str], delimiter: str | None = None, quote: str | None = None) -> Sniffed:
    """Return the format of a sample of lines without their ends; `delimiter` and `quote` are decided where given."""
    lines = lines[:SAMPLE_LINES]
    declared = _SEPARATOR_LINE.fullmatch(lines[0].strip()) if lines else None
    if declared:
        lines = lines[1:]
    chosen = delimiter or (declared[1] if declared else None)
    useful = [line for line in lines if line.strip()]
    if chosen is None and _are_values(useful):
        return Sniffed(Format(",", '"' if quote is None else quote), 1.0, 0)
    scored = [(_score(useful, form), form) for form in _candidates(useful, chosen, quote)]
    scored.sort(key=lambda item: -item[0])
    best, form = scored[0]
    second = next((score for score, other in scored[1:] if other.delimiter != form.delimiter), 0.0)
    confidence = 1.0 if chosen else round(best / (best + second), 3) if best > 0 else 0.0
    return Sniffed(_escaped(useful, form), confidence, int(declared is not None))


def _are_values(lines: Sequence[str]) -> bool:
    """Whether nearly every line is one value as a whole, whose own punctuation is no delimiter: a date, an address."""
    kinds = [kind_of(line) for line in lines if not any(mark in line for mark in _USUAL)]
    return len(kinds) == len(lines) and sum(kind in _WHOLE for kind in kinds) >= _NEARLY_ALL * max(len(lines), _FEW)


def _candidates(lines: Sequence[str], delimiter: str | None, quote: str | None) -> Iterator[Format]:
    text = "\n".join(lines)
    if delimiter is not None:
        delimiters: list[str] = [delimiter]
    else:
        delimiters = [mark for mark in (*_USUAL, *_RARE) if mark in text] + [
            mark for mark in _MANY if text.count(mark) >= _OFTEN
        ]
        if " " in text:
            delimiters.append(" ")
    for mark in delimiters:
        for sign in _quotes(text, mark, quote):
            yield Format(mark, sign, sign)
            if sign and "\\" + sign in text:
                yield Format(mark, sign, "\\")
    if delimiter is None:
        yield Format(",", '"' if quote is None else quote)
        yield from _aligned(lines)


def _quotes(text: str, delimiter: str, quote: str | None) -> list[str]:
    if quote is not None:
        return [quote]
    found = ['"']
    edge = re.escape(delimiter)
    if "'" in text:
        opening = len(re.findall(rf"(?:^|{edge})'", text, re.MULTILINE))
        closing = len(re.findall(rf"'(?:{edge}|$)", text, re.MULTILINE))
        if opening and closing:
            found.append("'")
    return found


def _aligned(lines: Sequence[str]) -> Iterator[Format]:
    if sum("  " in line.strip() for line in lines) * 2 < len(lines):
        return
    yield Format("  ", "", "", runs=True)
    yield Format(" ", "", "", runs=True)
    cuts = gutters(lines)
    if len(cuts) > 1:
        yield Format("", "", "", cuts=cuts)


def gutters(lines: Sequence[str]) -> tuple[int, ...]:
    """Return where the columns of text of fixed widths begin: behind positions that are blank in every line of data.

    A column that the first line has no name for is a part of the one before it: words end at the same place by chance.
    """
    filled = [line for line in lines if line.strip()]
    body = filled[1:] if len(filled) > 2 else filled  # noqa: PLR2004
    longest = max(map(len, body), default=0)
    blank = [all(len(line) <= place or line[place] == " " for line in body) for place in range(longest)]
    starts = [place for place in range(longest) if not blank[place] and (place == 0 or blank[place - 1])]
    if not starts:
        return ()
    names = [(match.start(), match.end()) for match in re.finditer(r"\S+(?: \S+)*", filled[0])]
    ends = [*starts[1:], max(longest, len(filled[0]))]
    kept = [0]
    for begin, stop in names:
        overlaps = [min(stop, end) - max(begin, start) for start, end in zip(starts, ends, strict=True)]
        start = starts[overlaps.index(max(overlaps))]
        # a name that begins before its values, where these stand at the right
        place = begin if begin < start and all(blank[begin:start]) else start
        if place > kept[-1]:
            kept.append(place)
    return tuple(kept)


def _score(lines: Sequence[str], form: Format) -> float:
    rows = [record for record in records(lines, form) if not record.is_blank]
    if not rows:
        return 0.0
    widths = [len(row.fields) for row in rows]
    consistency = _consistency(widths)
    if consistency <= 0:
        return _NO_DELIMITER * _trust(rows) * (1.0 if form.delimiter == "," else 0.5)
    return consistency * _trust([row for row in rows if len(row.fields) > 1]) ** 2 * _prior(form, rows)


def _consistency(widths: Sequence[int]) -> float:
    """Return the share of rows in a width of more than one that others have too: 1 for a clean table."""
    counts = Counter(widths)
    runs: Counter[int] = Counter()
    for width, group in groupby(widths):
        runs[width] = max(runs[width], len(list(group)))
    total = len(widths)
    # several tables below each other: each width that keeps for a while counts, the more the longer
    share = sum(
        (count / total) ** 2 if runs[width] > 1 or total < 3 else (count / total) ** 2 * 0.5  # noqa: PLR2004
        for width, count in counts.items()
        if width > 1
    )
    usual = max((width for width in counts if width > 1), key=lambda width: counts[width], default=1)
    if counts[usual] < total * _LEAST_USUAL:
        share *= _LEAST_USUAL
    around = counts[1] / total
    # lines of one field are text around the table, or say that this is no delimiter
    return share**0.5 * (1 - 0.5 * around) * (usual - 1) / usual if usual > 1 else 0.0


def _trust(rows: Iterable[Record]) -> float:
    cells: list[str] = []
    for row in rows:
        cells += row.fields
        if len(cells) > SAMPLE_CELLS:
            break
    return sum(map(trust, cells)) / len(cells) if cells else 0.0


def _prior(form: Format, rows: Sequence[Record]) -> float:
    if form.cuts:
        prior = _FIXED
    elif form.runs:
        prior = _ALIGNED if form.delimiter == "  " or len({len(row.fields) for row in rows}) == 1 else _SPACE
    elif form.delimiter == " ":
        widths = Counter(len(row.fields) for row in rows)
        prior = _SPACE if widths.most_common(1)[0][1] > len(rows) * 0.6 else _ODD_PROSE
    else:
        prior = _USUAL.get(form.delimiter) or _MANY.get(form.delimiter) or _RARE.get(form.delimiter) or 0.8
    if form.quote == "'":
        prior *= _APOSTROPHE
    if len(form.delimiter) == 1 and _has_gaps(rows):
        prior *= _DOUBLED
    broken = sum(not row.split.strict for row in rows)
    return prior * (1 - 0.5 * broken / len(rows))


def _has_gaps(rows: Sequence[Record]) -> bool:
    """Whether every second field is empty."""
    wide = [row.fields for row in rows if len(row.fields) > 2]  # noqa: PLR2004
    gaps = sum(not any(fields[1::2]) for fields in wide)
    return bool(wide) and gaps >= len(wide) * _GAPS and any(any(fields[2::2]) for fields in wide)


def _escaped(lines: Sequence[str], form: Format) -> Format:
    """Return the format with the escape that its quoted fields show."""
    if not form.quote or not form.is_plain:
        return form
    text = "\n".join(lines)
    if "\\" + form.quote not in text:
        return form
    other = Format(form.delimiter, form.quote, "\\")
    plain = sum(record.split.strict for record in records(lines, replace(form, escape=form.quote)))
    by_slash = sum(record.split.strict for record in records(lines, other))
    return other if by_slash > plain else replace(form, escape=form.quote)
