"""Records of delimited text, as its format says and, where that fails, as they were probably meant. One at a time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

MOST_LINES: Final = 2_000
"""Most lines that a quoted field may run over: beyond it, its quote was never closed."""
MOST_BYTES: Final = 4 * 1024 * 1024
_SWALLOWED: Final = 3
NO_QUOTES: Final = ("\x02", "\x03")
"""Quotes of rewritten text whose own format has none: characters that text does not have."""


@runtime_checkable
class HasEnds(Protocol):
    """Lines that know how they end."""

    def joined(self, index: int, count: int) -> str:
        """Return some lines as one text, without the end of the last."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """How records are split: a delimiter of any length, a quote or none, and the escape (the quote itself: doubled).

    `runs` means that any number of delimiters in a row is one (text aligned with spaces); `cuts` are the columns' first
    positions in text of fixed widths, and then there is no delimiter.
    """

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    runs: bool = False
    cuts: tuple[int, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether every occurrence of the delimiter ends a field."""
        return not self.runs and not self.cuts


@dataclass(frozen=True, slots=True)
class Split:
    """The fields of one record; `strict` where the rules of the format were kept."""

    fields: list[str]
    strict: bool = True
    backslash: bool = False


def split(line: str, form: Format) -> Split:
    """Split one record that may hold line ends inside quotes."""
    if form.cuts:
        return Split(_cut(line, form.cuts))
    if form.runs:
        return Split(_runs(line, form.delimiter))
    if not form.quote or form.quote not in line:
        return Split(line.split(form.delimiter))
    found = strict(line, form)
    if found is not None:
        return Split(found)
    return Split(tolerant(line, form.delimiter, form.quote, doubled=form.escape == form.quote), strict=False)


def strict(line: str, form: Format) -> list[str] | None:
    """Return the fields if the record keeps every rule of the format, else None."""
    fields: list[str] = []
    pattern = _field(form.delimiter, form.quote, form.escape)
    position, end = 0, len(line)
    while True:
        match = pattern.match(line, position)
        if match is None:
            return None
        quoted = match[1]
        fields.append(match[2] if quoted is None else _unescaped(quoted, form))
        position = match.end()
        if position == end:
            return fields
        position += len(form.delimiter)


@lru_cache(maxsize=256)
def _field(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    mark, before = re.escape(quote), re.escape(delimiter)
    if escape == quote:
        inside = f"[^{mark}]*(?:{mark}{mark}[^{mark}]*)*"
    else:
        slash = re.escape(escape)
        inside = f"[^{mark}{slash}]*(?:{slash}.[^{mark}{slash}]*)*"
    plain = f"[^{mark}{before}]*" if len(delimiter) == 1 else f"(?:(?!{before})[^{mark}])*"
    return re.compile(f"(?:{mark}({inside}){mark}|({plain}))(?={before}|\\Z)", re.DOTALL)


def _unescaped(text: str, form: Format) -> str:
    if form.escape == form.quote:
        return text.replace(form.quote * 2, form.quote)
    if form.escape not in text:
        return text
    return re.sub(re.escape(form.escape) + "([" + re.escape(form.quote + form.escape) + "])", r"\1", text)


def tolerant(line: str, delimiter: str, quote: str, *, doubled: bool, careful: bool = False) -> list[str]:
    """Split a record whose quotes break the rules: a quote ends a field only where a delimiter or the end follows.

    With `doubled` two quotes in a row inside a quoted field are one of its characters.
    A quote that is not closed is a character of its field; with `careful` so is one whose field would hold the
    beginning of another quoted field.
    """
    fields: list[str] = []
    position, end = 0, len(line)
    while True:
        close = (
            _closing(line, position + 1, delimiter, quote, doubled=doubled) if line.startswith(quote, position) else -1
        )
        if close >= 0 and not (careful and delimiter + quote in line[position + 1 : close]):
            text = line[position + 1 : close]
            fields.append(text.replace(quote * 2, quote) if doubled else text)
            position = close + 1
        else:
            stop = line.find(delimiter, position)
            stop = end if stop < 0 else stop
            fields.append(line[position:stop])
            position = stop
        if position >= end:
            return fields
        position += len(delimiter)


def _closing(line: str, start: int, delimiter: str, quote: str, *, doubled: bool) -> int:
    """Return where the quoted field that began before `start` is closed, or -1."""
    position = line.find(quote, start)
    while position >= 0:
        behind = position + 1
        if doubled and line.startswith(quote, behind):
            position = line.find(quote, behind + 1)
            continue
        if behind == len(line) or line.startswith(delimiter, behind):
            return position
        position = line.find(quote, behind)
    return -1


def _cut(line: str, cuts: Sequence[int]) -> list[str]:
    ends = [*cuts[1:], len(line)]
    return [line[start:end].strip(" ") for start, end in zip(cuts, ends, strict=True)] if line.strip() else [""]


def _runs(line: str, delimiter: str) -> list[str]:
    text = line.strip(" ")
    return re.split(re.escape(delimiter) + "+", text) if delimiter != "  " else re.split(" {2,}", text)


def readings(line: str, form: Format) -> Iterator[Split]:
    """Yield every way in which one record of a plain format may be meant, the likeliest first."""
    if form.quote and form.quote in line and "\\" in line and strict(line, form) is None:
        other = strict(line, replace(form, escape="\\" if form.escape == form.quote else form.quote))
        if other is not None:
            yield Split(other, strict=False, backslash=True)
    yield split(line, form)
    if not form.quote or form.quote not in line:
        return
    for careful in (False, True):
        for doubled in (True, False):
            yield Split(tolerant(line, form.delimiter, form.quote, doubled=doubled, careful=careful), strict=False)
    yield Split(line.split(form.delimiter), strict=False)


def is_open(line: str, form: Format) -> bool:
    """Whether a record may go on in the next line: it has a quote that was opened and not closed."""
    if not form.quote or not form.is_plain:
        return False
    if form.escape != form.quote and form.escape in line:
        line = re.sub(re.escape(form.escape) + ".", "", line, flags=re.DOTALL)
    return line.count(form.quote) % 2 == 1


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a sample: its first and last line, counted from 1, and its fields."""

    first: int
    last: int
    split: Split

    @property
    def fields(self) -> list[str]:
        """The fields."""
        return self.split.fields

    @property
    def is_blank(self) -> bool:
        """Whether no field holds anything."""
        return not any(field.strip() for field in self.fields)


def records(lines: Sequence[str], form: Format, *, number: int = 1) -> Iterator[Record]:
    """Yield the records of a few lines without their ends; `number` is that of the first."""
    index = 0
    while index < len(lines):
        count, found = gathered(lines, index, form)
        yield Record(number + index, number + index + count - 1, found)
        index += count


def gathered(
    lines: Sequence[str], index: int, form: Format, width: int = 0, whole: Sequence[bool] | None = None
) -> tuple[int, Split]:
    """Return how many lines the record at `index` takes, and its fields.

    Lines are joined where the rules then hold, unless the line alone would do: where it gives `width` fields with its
    quote as a character, and so do the lines that would be swallowed. `whole` says which lines are records by
    themselves, where that is known.
    """
    line = lines[index]
    if is_open(line, form):
        count, size, odd, alone = 1, len(line), True, 0
        while index + count < len(lines) and count < MOST_LINES and size < MOST_BYTES:
            alone += bool(whole is not None and whole[index + count])
            if alone > _SWALLOWED and alone * 2 > count:
                break
            following = lines[index + count]
            size += len(following) + 1
            count += 1
            odd ^= form.quote in following and is_open(following, form)
            if odd or form.quote not in following:
                continue
            fields = strict(_joined(lines, index, count), form)
            if fields is not None and not _swallows(lines[index : index + count], form, width or len(fields)):
                return count, Split(fields)
            break
    return 1, split(line, form)


def _joined(lines: Sequence[str], index: int, count: int) -> str:
    """Return lines as one text, with the line ends that they have where these are known."""
    if isinstance(lines, HasEnds):
        return lines.joined(index, count)
    return "\n".join(lines[index : index + count])


def _swallows(lines: Sequence[str], form: Format, width: int) -> bool:
    """Whether most of the lines that a quote joins are records of their own."""
    if width < 2:  # noqa: PLR2004
        return False
    whole = sum(1 for line in lines[1:-1] if len(strict(line, form) or ()) == width)
    return whole >= _SWALLOWED and whole * 2 >= len(lines) - 2
