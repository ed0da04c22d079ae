"""One record that breaks the rules of its table: read as it was probably meant, and written by the rules."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, zip_longest
from typing import Final

from processing_svc.handlers.interface import Notes
from processing_svc.text.cells import is_value, kind_of
from processing_svc.text.layout import Layout
from processing_svc.text.splitting import NO_QUOTES, Format, Split, gathered, is_open, readings

_OTHER_DELIMITERS: Final = (",", ";", "\t", "|", " ")

_VALUE: Final = 20
_DROPPED: Final = 5
_EMPTY: Final = 10
_ALIKE: Final = 8
"""What a value below values, an empty field left out, an empty cell in a full column and a text like others weigh.

Whole numbers, so that sums do not depend on their order.
"""


class Mender:
    """Mends the records of one table; `repairs` are told of everything that was done, with the line."""

    def __init__(self, form: Format, layout: Layout, repairs: Notes) -> None:
        self._form = form
        self._target = target_of(form)
        self._width = layout.width
        self._named = len(layout.header[-1].fields) if layout.header else 0
        self._repairs = repairs
        self._joint = form.delimiter if form.is_plain else " "
        columns = zip_longest(layout.typed[: layout.width], layout.kinds[: layout.width], layout.full[: layout.width])
        self._columns = [(bool(typed), kind or "", _EMPTY * bool(full)) for typed, kind, full in columns]
        self._columns += [(False, "", 0)] * (layout.width - len(self._columns))

    def mended(self, lines: Sequence[str], number: int, whole: Sequence[bool]) -> tuple[int, list[str], int]:
        """Return how many lines the first record takes, as many fields as columns, and how many it had too many.

        `whole` says which of the lines are flawless records by themselves.
        """
        count, found = self._read(lines, whole)
        position = f"line {number}"
        if not found.strict:
            self._note_quotes(lines[0], count, found, position)
        fields = found.fields
        if len(fields) == self._width:
            return count, fields, 0
        if other := self._otherwise_delimited(lines[0], count, fields):
            self._repairs.add("other_delimiter", "the record is delimited in another way than the rest", position)
            return count, other, 0
        if len(fields) < self._width:
            if self._named and len(fields) >= self._named:
                return count, [*fields, *[""] * (self._width - len(fields))], 0
            self._repairs.add("short_row_filled", f"a record of {len(fields)} fields was filled with nulls", position)
            return count, [*fields, *[""] * (self._width - len(fields))], 0
        return self._cut(count, fields, position)

    def _note_quotes(self, line: str, count: int, found: Split, position: str) -> None:
        if found.backslash:
            self._repairs.add("mixed_escapes", "quotes are escaped in another way than in the rest", position)
        elif count == 1 and is_open(line, self._form):
            self._repairs.add("unclosed_quote", "a quote is not closed; it was read as it stands", position)
        else:
            self._repairs.add("stray_quote", "quotes break the rules; they were read as they stand", position)

    def _read(self, lines: Sequence[str], whole: Sequence[bool]) -> tuple[int, Split]:
        """Choose the reading that fits the table: of the line alone, or with the lines that its quote takes in."""
        line = lines[0]
        if not self._form.is_plain:
            return gathered(lines, 0, self._form)
        if "\r" in line and (alone := self._with_returns(line)):
            return 1, alone
        count, joined = gathered(lines, 0, self._form, self._width, whole)
        if count > 1 and len(joined.fields) == self._width:
            return count, joined
        if joined.strict:
            return count, joined
        fitting = [found for found in readings(line, self._form) if len(found.fields) == self._width]
        return 1, min(fitting, key=self._left_open) if fitting else joined

    def _left_open(self, found: Split) -> int:
        """Count the fields that begin with a quote which no reader has taken away."""
        return sum(field.startswith(self._form.quote) for field in found.fields)

    def _with_returns(self, line: str) -> Split | None:
        """Return the record with its carriage returns as characters, if it has all fields so."""
        found = next(readings(line, self._form))
        return found if len(found.fields) == self._width else None

    def _otherwise_delimited(self, line: str, count: int, fields: Sequence[str]) -> list[str] | None:
        if count > 1 or len(fields) * 2 > self._width or self._width < 3 or not self._form.is_plain:  # noqa: PLR2004
            return None
        for delimiter in _OTHER_DELIMITERS:
            if delimiter == self._form.delimiter or delimiter not in line:
                continue
            for found in readings(line, replace(self._form, delimiter=delimiter)):
                if len(found.fields) == self._width and self._fit(found.fields) >= 0:
                    return found.fields
        return None

    def _cut(self, count: int, fields: list[str], position: str) -> tuple[int, list[str], int]:
        excess = len(fields) - self._width
        place, dropped = self._best_joint(fields, excess)
        if not any(fields[self._width :]) and (not dropped or place == self._width):
            self._repairs.add("empty_excess_cut", "empty fields beyond the last column were cut", position)
            return count, fields[: self._width], 0
        if dropped:
            self._repairs.add("extra_delimiter", "a delimiter too much was left out", position)
            return count, [*fields[:place], *fields[place + excess :]], excess
        joined = self._joint.join(fields[place : place + excess + 1])
        detail = f"{excess + 1} fields became one: the record has {excess} more than there are columns"
        self._repairs.add("excess_joined", detail, position)
        return count, [*fields[:place], joined, *fields[place + excess + 1 :]], excess

    def _best_joint(self, fields: Sequence[str], excess: int) -> tuple[int, bool]:
        """Return where fields are joined, or empty ones left out, so that values stand below their like."""
        width = self._width
        before = [0, *accumulate(self._weight(fields[place], place) for place in range(width))]
        behind = [0, *accumulate(self._weight(fields[place + excess], place) for place in reversed(range(width)))][::-1]
        found: list[tuple[int, int, bool]] = []
        for place in range(width + 1):
            if not any(fields[place : place + excess]):
                found.append((before[place] + behind[place] + _DROPPED, place, True))
            if place < width:
                joined = self._joint.join(fields[place : place + excess + 1])
                found.append((before[place] + self._weight(joined, place) + behind[place + 1], place, False))
        _, place, dropped = max(found)
        return place, dropped

    def _fit(self, fields: Sequence[str]) -> int:
        """Return how well fields stand in their columns."""
        return sum(self._weight(cell, place) for place, cell in enumerate(fields[: self._width]))

    def _weight(self, cell: str, place: int) -> int:
        """Return how well a cell stands in a column, by what most of its cells are."""
        typed, kind, missing = self._columns[place]
        if not cell.strip():
            return -missing
        if typed:
            if not is_value(cell):
                return -_VALUE
            return _VALUE if not kind or kind_of(cell) == kind else -_EMPTY
        if not kind:
            return 0
        return _ALIKE if kind_of(cell) == kind else -_ALIKE

    def written(self, fields: Sequence[str]) -> bytes:
        """Return a record by the rules of the table's format, with its line end."""
        return written(fields, self._target).encode("utf-8", "replace")


def target_of(form: Format) -> Format:
    """Return the plain format with quotes in which the records of another are written."""
    if not form.is_plain:
        return Format(",")
    if form.quote:
        return form
    sign = next(sign for sign in NO_QUOTES if sign != form.delimiter)
    return Format(form.delimiter, sign, sign)


def written(fields: Sequence[str], form: Format) -> str:
    """Return a record by the rules of a plain format; only fields that need quotes get them."""
    cells = [_quoted(cell, form) for cell in fields]
    text = form.delimiter.join(cells)
    return (text or form.quote * 2) + "\n"


def _quoted(cell: str, form: Format) -> str:
    quote = form.quote
    if not (form.delimiter in cell or quote in cell or "\n" in cell or "\r" in cell or _touches(cell, form.delimiter)):
        return cell
    if form.escape != quote:
        cell = cell.replace(form.escape, form.escape * 2)
    return quote + cell.replace(quote, form.escape + quote) + quote


def _touches(cell: str, delimiter: str) -> bool:
    """Whether a cell could be taken for a part of a delimiter of several characters."""
    return len(delimiter) > 1 and bool(cell) and (cell[-1] in delimiter or cell[0] in delimiter)
