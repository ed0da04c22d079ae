"""Where in a text a table begins, how wide it is, and what names its columns: decided on the first lines of it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from processing_svc.text.cells import is_value, kind_of
from processing_svc.text.splitting import Format, Record, records

LOOKED_AT: Final = 300
"""Lines that a decision is made on."""
_WINDOW: Final = 8
_TYPED_SHARE: Final = 0.8
_FULL_SHARE: Final = 0.95
_WIDE_SHARE: Final = 0.1
"""From this share of wider records on, the table is wider; fewer are records with something too much."""
_FEW_ROWS: Final = 5
_MOST_HEADER_ROWS: Final = 5
_NAME_CHARACTERS: Final = 80
_YEAR: Final = re.compile(r"(?:1[89]|20|21)\d\d(?:[-/]\d{2,4})?")
_UNNAMED: Final = frozenset({"na", "n/a", "-", "--", "null", "none", "nan", ".", "..", "...", "?", "x"})
_SPARSE: Final = 0.34
_RULE: Final = re.compile(r":?[-=]{2,}:?")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's beginning. Line numbers count from 1; `first` is its first line, `body` the first line of its data."""

    first: int
    body: int
    width: int
    names: tuple[str | None, ...]
    header: tuple[Record, ...] = ()
    typed: tuple[bool, ...] = ()
    """Which columns hold numbers, dates or truth values."""
    kinds: tuple[str, ...] = ()
    """The kind of nearly all cells of each column; empty where there is none."""
    full: tuple[bool, ...] = ()
    """Which columns hardly ever have an empty cell."""
    remarks: list[tuple[str, str, str]] = field(default_factory=list)
    """Repairs of the header: kind, detail, position."""

    @property
    def has_header(self) -> bool:
        """Whether the table names its columns."""
        return bool(self.header)


def find_table(lines: Sequence[str], form: Format, number: int, header_row: int | None = None) -> Layout | None:
    """Return the first table in some lines without their ends, or None where there is no record.

    `number` is that of the first line. `header_row` is the line of the header where that is decided; 0 means that there
    is none, and the table begins with the first record.
    """
    chosen = lines[header_row - number :] if header_row else lines
    first = header_row or number
    rows = list(records(chosen[:LOOKED_AT], form, number=first))
    filled = [row for row in rows if not row.is_blank]
    if not filled:
        return None
    if header_row is not None:
        return _decided(filled, has_header=header_row > 0)
    return _laid_out(_from_table(rows))


def _decided(rows: list[Record], *, has_header: bool) -> Layout:
    body = rows[1:] if has_header else rows
    return _finished(rows[: int(has_header)], body, _width(rows[: int(has_header)], body))


def _from_table(rows: Sequence[Record]) -> list[Record]:
    """Return the records from the table's first on, up to where it ends by blank lines and another width."""
    start = next((index for index in range(len(rows)) if _is_supported(rows, index)), None)
    if start is None:
        wide = [index for index, row in enumerate(rows) if not row.is_blank and len(row.fields) > 1]
        blank = [index for index, row in enumerate(rows) if not row.is_blank]
        # of records that nothing supports, a lone one with several fields is a table of a header only
        start = wide[0] if wide and (len(wide) * 2 >= len(blank)) else blank[0]
    start = _with_header(rows, start)
    start = _behind_titles(rows, start)
    return [row for row in rows[start : _next_table(rows, start)] if not row.is_blank]


def _next_table(rows: Sequence[Record], start: int) -> int:
    """Return where the next table begins, or how many records there are."""
    widths: Counter[int] = Counter()
    for index in range(start, len(rows)):
        row = rows[index]
        width = len(row.fields)
        usual = widths.most_common(1)[0][0] if widths else width
        behind_blank = index > start and rows[index - 1].is_blank
        if (
            not row.is_blank
            and width != usual
            and sum(widths.values()) > 1
            and begins_table(rows[index:], usual, behind_blank=behind_blank)
        ):
            return index
        if not row.is_blank:
            widths[width] += 1
    return len(rows)


def begins_table(rows: Sequence[Record], width: int, *, behind_blank: bool) -> bool:
    """Whether records of another width than a table's are the next table rather than flawed records of it.

    They are where several in a row have one width and, unless a blank line stands before them, the first is a header.
    """
    first = len(rows[0].fields)
    if first == width or first < 2:  # noqa: PLR2004
        return False
    run = 0
    for row in rows:
        if row.is_blank or len(row.fields) != first:
            break
        run += 1
    if behind_blank:
        goes_on = any(len(row.fields) == width for row in rows[run : run + 2] if not row.is_blank)
        return run > 1 and (not goes_on or is_named(rows[:run]))
    return run > 2 and is_named(rows[:run])  # noqa: PLR2004


def is_named(rows: Sequence[Record]) -> bool:
    """Whether the first of some records is a header beyond doubt: only texts, above values."""
    names = [cell.strip() for cell in rows[0].fields]
    if not all(names) or any(map(is_value, names)) or len(set(names)) < len(names):
        return False
    return any(_is_typed(_column(rows[1:], index)) for index in range(len(names)))


def _is_supported(rows: Sequence[Record], index: int) -> bool:
    """Whether most of the records that follow a record directly are as wide as it is."""
    width = len(rows[index].fields)
    if width < 2 or rows[index].is_blank:  # noqa: PLR2004
        return False
    window: list[int] = []
    for row in rows[index + 1 : index + 1 + _WINDOW]:
        if row.is_blank:
            break
        window.append(len(row.fields))
    return bool(window) and sum(other == width for other in window) * 2 >= len(window)


def _with_header(rows: Sequence[Record], start: int) -> int:
    """Take in the record above where it names most of the columns, though it is not as wide."""
    if start == 0:
        return start
    above, width = rows[start - 1], len(rows[start].fields)
    names = [name.strip() for name in above.fields]
    close = len(names) > 1 and len(names) * 2 > width
    if close and sum(map(bool, names)) * 2 > len(names) and not any(map(is_value, names)) and not above.is_blank:
        return start - 1
    return start


def _behind_titles(rows: Sequence[Record], start: int) -> int:
    """Pass by records that a program filled up with delimiters: a title above a table of several columns."""
    usual = sorted(_filled(row) for row in rows[start : start + 30] if not row.is_blank)
    typical = usual[len(usual) // 2] if usual else 0
    index = start
    while index + 1 < len(rows):
        row = rows[index]
        # a title, or a label with its value; names of groups of columns stand apart from each other
        sparse = typical > 2 and _filled(row) <= max(1, min(2, typical * _SPARSE)) and _is_at_left(row)  # noqa: PLR2004
        followed = any(_filled(other) > typical * 0.5 for other in rows[index + 1 : index + 4])
        if not (row.is_blank or (sparse and followed and not any(map(is_value, row.fields)))):
            break
        index += 1
    # nothing but such records is a sparse table
    return index if _filled(rows[index]) > 1 else start


def _is_at_left(row: Record) -> bool:
    """Whether only the first cells hold something."""
    return all(cell.strip() for cell in row.fields[: _filled(row)])


def _filled(row: Record) -> int:
    return sum(1 for cell in row.fields if cell.strip())


def _laid_out(rows: list[Record]) -> Layout:
    count = _header_rows(rows)
    header, body = rows[:count], rows[count:]
    if header and len(body) > 1 and _is_rule(body[0]):
        found = _finished(header, body[1:], _width(header, body[1:]))
        place = f"line {body[0].first}"
        found.remarks.append(("blank_line", "a line of dashes under the header was left out", place))
        return replace(found, body=body[0].last + 1)
    return _finished(header, body, _width(header, body))


def _is_rule(row: Record) -> bool:
    """Whether a record only draws a line, as tables in Markdown and of databases' shells have it."""
    cells = [cell.strip() for cell in row.fields if cell.strip()]
    return bool(cells) and all(map(_RULE.fullmatch, cells))


def _width(header: Sequence[Record], body: Sequence[Record]) -> int:
    """Return the number of columns: what most records have, more where many do, and as many as there are names."""
    widths = Counter(_trimmed(row) for row in body)
    full = Counter(len(row.fields) for row in body)
    named = max((_trimmed(row) for row in header), default=0)
    if not full:
        return max(named, 1)
    usual = full.most_common(1)[0][0]
    total = sum(widths.values())
    width = usual
    for wider in sorted(other for other in widths if other > usual):
        if sum(count for other, count in widths.items() if other >= wider) >= many(total):
            width = wider
    return max(width, named, 1) if named else max(width, 1)


def many(total: int) -> float:
    """Return of so many records how many wider ones make a wider table."""
    return max(total * _WIDE_SHARE, 1 if total < _FEW_ROWS else 2)


def _trimmed(row: Record) -> int:
    length = len(row.fields)
    while length > 1 and not row.fields[length - 1]:
        length -= 1
    return length


def _finished(header: Sequence[Record], body: Sequence[Record], width: int) -> Layout:
    remarks: list[tuple[str, str, str]] = []
    names, width = _names(header, body, width, remarks)
    first = header[0].first if header else body[0].first
    start = header[-1].last + 1 if header else body[0].first
    columns = [_column(body, index) for index in range(width)]
    return Layout(
        first,
        start,
        width,
        names,
        tuple(header),
        tuple(map(_is_typed, columns)),
        tuple(map(_usual_kind, columns)),
        tuple(len(cells) >= len(body) * _FULL_SHARE > 0 for cells in columns),
        remarks,
    )


def _usual_kind(cells: Sequence[str]) -> str:
    if len(cells) < 2:  # noqa: PLR2004
        return ""
    kind, count = Counter(map(kind_of, cells)).most_common(1)[0]
    return kind if count >= len(cells) * _TYPED_SHARE else ""


def _typed(body: Sequence[Record], width: int) -> tuple[bool, ...]:
    return tuple(_is_typed(_column(body, index)) for index in range(width))


def _column(rows: Sequence[Record], index: int) -> list[str]:
    return [cell for row in rows if index < len(row.fields) and (cell := row.fields[index].strip())]


def _is_typed(cells: Sequence[str]) -> bool:
    return bool(cells) and sum(map(is_value, cells)) >= len(cells) * _TYPED_SHARE


def _header_rows(rows: Sequence[Record]) -> int:
    """Return how many of the first records name the columns."""
    if not _is_header(rows[0], rows[1:]):
        return 0
    count = 1
    while count < min(_MOST_HEADER_ROWS, len(rows) - 1) and _continues_header(rows, count):
        count += 1
    return count


def _continues_header(rows: Sequence[Record], count: int) -> bool:
    """Whether one more record belongs to the header: texts above the columns of values, which stand for no null."""
    body = rows[count + 1 :]
    width = max(len(row.fields) for row in rows[:2])
    typed = [index for index, found in enumerate(_typed(body, width)) if found]
    row = rows[count]
    if not typed or _is_rule(row) or len(row.fields) < width * 0.5 or rows[count].first != rows[count - 1].last + 1:
        return False
    cells = [row.fields[index].strip() if index < len(row.fields) else "" for index in typed]
    texts = [cell for cell in cells if cell and not is_value(cell) and cell.casefold() not in _UNNAMED]
    if len(texts) < max(len(cells) * 0.6, 1) or any(is_value(cell) for cell in cells if cell):
        return False
    # as a row of data it would be the only one without values
    plain = [index for index in range(width) if index not in typed]
    repeated = [
        index for index in plain if index < len(row.fields) and row.fields[index].strip() in _column(body, index)
    ]
    return not [index for index in repeated if row.fields[index].strip()]


def _is_header(first: Record, body: Sequence[Record]) -> bool:
    """Whether a record names the columns: by what stands below each of its cells, column by column.

    Where nothing tells, as in tables of texts only, distinct short texts are taken for names: nearly all published
    tables have them.
    """
    names = [cell.strip() for cell in first.fields]
    filled = [name for name in names if name]
    body = [row for row in body if row.fields != first.fields]
    if not filled or all(map(is_value, filled)):
        return _are_years_above(names, body)
    votes = sum(_vote(name, _column(body, index)) for index, name in enumerate(names))
    if votes:
        return votes > 0
    return len({name.casefold() for name in filled}) == len(filled) and all(
        len(name) <= _NAME_CHARACTERS and kind_of(name) not in {"structure", "url"} for name in filled
    )


def _are_years_above(names: Sequence[str], body: Sequence[Record]) -> bool:
    filled = [name for name in names if name]
    below = [cell for index in range(len(names)) for cell in _column(body, index)]
    return bool(filled) and bool(below) and all(map(_YEAR.fullmatch, filled)) and not all(map(_YEAR.fullmatch, below))


def _vote(name: str, below: Sequence[str]) -> float:  # noqa: PLR0911 - a table of cases
    """Return how much a cell above others speaks for being their name (positive) or one of them (negative)."""
    if not name:
        return 0.0
    if not below:
        return 0.25 if not is_value(name) else -0.5
    typed = _is_typed(below)
    if is_value(name):
        if _YEAR.fullmatch(name) and not all(map(_YEAR.fullmatch, below)):
            return 0.5 if typed else 0.0
        return -1.0 if typed else -0.75
    if typed:
        return 1.0 if kind_of(name) != "null" else 0.0
    if name in below:
        return -1.0
    return _shape_vote(name, below)


def _shape_vote(name: str, below: Sequence[str]) -> float:
    """Compare a text with the texts below it: codes and texts of one shape are hardly alike their names."""
    if len(below) < 2:  # noqa: PLR2004
        return 0.0
    shapes = {_shape(cell) for cell in below}
    if len(shapes) == 1:
        return -0.5 if _shape(name) in shapes and any(mark.isdigit() for mark in name) else _different(name, shapes)
    kinds = Counter(kind_of(cell) for cell in below)
    kind, count = kinds.most_common(1)[0]
    if kind in {"code", "url", "structure", "prose"} and count >= len(below) * _TYPED_SHARE:
        if kind_of(name) != kind or kind == "prose":
            return 0.5
        return -0.5 if kind != "code" or _shape(name) in shapes else 0.1
    return 0.0


def _different(name: str, shapes: set[str]) -> float:
    return 0.0 if _shape(name) in shapes else 0.3


def _shape(text: str) -> str:
    """Return a text with every letter and digit as one of its class."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", text))


def _names(
    header: Sequence[Record], body: Sequence[Record], width: int, remarks: list[tuple[str, str, str]]
) -> tuple[tuple[str | None, ...], int]:
    if not header:
        return (None,) * width, width
    parts = [[cell.strip() for cell in row.fields] for row in header]
    position = f"line {header[-1].first}"
    most = max((len(row.fields) for row in body), default=0)
    last = parts[-1]
    while len(header) == 1 and most and len(last) > most and "" in last:
        # as many names as columns are left without an empty one
        place = len(last) - 1 if not last[-1] else last.index("")
        del last[place]
        remarks.append(("header_delimiter_removed", "a delimiter too much in the header was left out", position))
        width = max(most, len(last))
    spread = [_spread(row, width) if index + 1 < len(parts) else row for index, row in enumerate(parts)]
    names = [_joined([row[index] if index < len(row) else "" for row in spread]) for index in range(width)]
    if len(header) > 1:
        remarks.append(
            (
                "header_rows_joined",
                f"the names are made of {len(header)} rows",
                f"lines {header[0].first}-{header[-1].last}",
            )
        )
    return tuple(names), width


def _spread(row: Sequence[str], width: int) -> list[str]:
    """Let a name of several columns stand above each of them."""
    found: list[str] = []
    for index in range(width):
        cell = row[index] if index < len(row) else ""
        found.append(cell or (found[-1] if found else ""))
    return found


def _joined(parts: Sequence[str]) -> str | None:
    kept = [part for part in parts if part]
    distinct = kept[:1] + [after for before, after in pairwise(kept) if after != before]
    return " ".join(distinct) or None
