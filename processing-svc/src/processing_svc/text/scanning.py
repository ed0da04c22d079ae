"""Text in blocks of whole lines, and which lines are records without a flaw. What to do with others is elsewhere.

Counting fields is vectorised: a block of eight megabytes is looked at as one array of bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np

from processing_svc.handlers.interface import Notes
from processing_svc.text.splitting import NO_QUOTES, Format

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_Bounds: TypeAlias = tuple[Numbers, Numbers]
"""Where each line starts, and where its line feed is."""

BLOCK_BYTES: Final = 8 * 1024 * 1024
LINE_BYTES: Final = 16 * 1024 * 1024
"""Longest line that is read; a longer one is set aside."""
BOM: Final = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"
_CR_SHARE: Final = 0.1
"""From this share of all line ends on a CR alone is one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two blocks that one can go back to."""

    offset: int
    pending: bytes
    line: int


class Block:
    """Whole lines: where each begins and ends, how many fields it has by the rules, and whether it keeps them."""

    def __init__(self, data: bytes, first_line: int, form: Format, *, is_last: bool) -> None:
        self.data = data
        self.first_line = first_line
        self.is_last = is_last
        array = np.frombuffer(data, np.uint8)
        breaks = np.flatnonzero(array == _LF)
        self.starts: Numbers = np.concatenate(([0], breaks[:-1] + 1)) if len(breaks) else breaks
        self.nexts: Numbers = breaks + 1
        with_cr = (breaks > self.starts) & (array[np.maximum(breaks - 1, 0)] == _CR)
        self.ends: Numbers = breaks - with_cr
        self.widths, self.sound = _counted(array, self.starts, breaks, form)

    def __len__(self) -> int:
        return len(self.starts)

    def number(self, index: int) -> int:
        """Return the number of a line in the file, from 1."""
        return self.first_line + index

    def line(self, index: int) -> str:
        """Return a line without its end."""
        return self.data[self.starts[index] : self.ends[index]].decode("utf-8", "replace")

    def raw(self, index: int) -> bytes:
        """Return the bytes of a line without its end."""
        return self.data[self.starts[index] : self.ends[index]]

    def run(self, start: int, stop: int) -> bytes:
        """Return the bytes of some lines, each ended by a line feed."""
        piece = self.data[self.starts[start] : self.nexts[stop - 1]] if stop > start else b""
        return piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece

    def lines(self, start: int) -> "Lines":
        """Return the lines from one on, decoded when asked for."""
        return Lines(self, start)


class Lines(Sequence[str]):
    """Lines of a block as a sequence of texts."""

    def __init__(self, block: Block, start: int) -> None:
        self._block = block
        self._start = start

    def __len__(self) -> int:
        return len(self._block) - self._start

    def joined(self, index: int, count: int) -> str:
        """Return some lines as one text, with their ends but without that of the last."""
        block, first = self._block, self._start + index
        return block.data[block.starts[first] : block.ends[first + count - 1]].decode("utf-8", "replace")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice) and index.stop is None and index.step is None:
            return Lines(self._block, self._start + min(index.start or 0, len(self)))
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._block.line(self._start + index)


def _counted(array: Numbers, starts: Numbers, breaks: Numbers, form: Format) -> tuple[Numbers, Numbers]:
    """Return the fields of every line, and whether it is one record by the rules."""
    sound = np.full(len(starts), fill_value=form.is_plain)
    if not form.is_plain:
        return np.zeros(len(starts), np.int64), sound
    delimiter = form.delimiter.encode()
    places = _places(array, delimiter)
    if len(delimiter) > 1 and len(places) > 1:
        close = places[1:][np.diff(places) < len(delimiter)]
        sound[np.searchsorted(breaks, close)] = False
    returns = np.flatnonzero(array == _CR)
    if len(returns):
        alone = returns[array[np.minimum(returns + 1, len(array) - 1)] != _LF]
        sound[np.searchsorted(breaks, alone)] = False
    if not form.quote:
        for sign in NO_QUOTES:
            sound[np.searchsorted(breaks, np.flatnonzero(array == ord(sign)))] = False
    quotes = _quotes(array, form)
    if len(quotes):
        places = _outside(array, (places, quotes), (starts, breaks), form, sound)
    # no delimiter stands between a line's end and its line feed
    return np.diff(np.searchsorted(places, breaks), prepend=0) + 1, sound


def _places(array: Numbers, mark: bytes) -> Numbers:
    found = np.flatnonzero(array == mark[0])
    for shift, byte in enumerate(mark[1:], start=1):
        found = found[found + shift < len(array)]
        found = found[array[found + shift] == byte]
    return found


def _quotes(array: Numbers, form: Format) -> Numbers:
    """Return where the quotes are that open or close, without those behind a backslash if it escapes."""
    if not form.quote:
        return np.zeros(0, np.int64)
    found = _places(array, form.quote.encode())
    if form.escape == form.quote or not len(found):
        return found
    slash = form.escape.encode()[0]
    before = np.zeros(len(found), np.int64)
    open_ = np.ones(len(found), bool)
    for distance in range(1, 9):
        behind = found - distance
        open_ &= (behind >= 0) & (array[np.maximum(behind, 0)] == slash)
        if not open_.any():
            break
        before += open_
    free: Numbers = found[before % 2 == 0]
    return free


def _outside(array: Numbers, marks: tuple[Numbers, Numbers], lines: _Bounds, form: Format, sound: Numbers) -> Numbers:
    """Return the delimiters that stand outside of quotes; lines whose quotes break the rules are no longer sound.

    Every line is taken to begin outside: one inside a quoted field is unsound, or has the wrong number of fields.
    """
    places, quotes = marks
    starts, breaks = lines
    last = np.searchsorted(quotes, breaks)
    counts = np.diff(last, prepend=0)
    first = last - counts
    odd = counts % 2 == 1
    sound[odd] = False
    line_of = np.repeat(np.arange(len(starts)), counts)
    rank = np.arange(len(quotes)) - first[line_of]
    opening = rank % 2 == 0
    delimiter, mark = form.delimiter.encode(), form.quote.encode()
    width = len(mark)
    before = array[np.maximum(quotes - 1, 0)]
    behind = array[np.minimum(quotes + width, len(array) - 1)]
    at_start = quotes == starts[line_of]
    doubled = form.escape == form.quote
    after_quote = (before == mark[-1]) & doubled
    good = np.where(
        opening,
        at_start | (before == delimiter[-1]) | after_quote,
        (behind == delimiter[0]) | (behind == _LF) | (behind == _CR) | ((behind == mark[0]) & doubled),
    )
    sound[line_of[~good]] = False
    rank_at = np.searchsorted(quotes, places)
    if odd.any():
        line = np.searchsorted(breaks, places)
        rank_at = rank_at - first[np.minimum(line, len(first) - 1)]
    outside: Numbers = places[rank_at % 2 == 0]
    return outside


class LineReader:
    """Reads a UTF-8 file in blocks of whole lines, without its mark at the beginning; cleans what no line may hold.

    NUL characters and marks in the middle are removed, and CR alone becomes a line end where it is one in general; all
    of it is noted. A line longer than `LINE_BYTES` is set aside: `too_long` has its number. `line_ends` counts line
    feeds alone and behind a CR, where no quotes are near.
    """

    def __init__(self, path: Path, form: Format, notes: Notes) -> None:
        self._file: BinaryIO = path.open("rb")
        self.form = form
        self._pending = b""
        self._line = 1
        self.notes = notes
        self.too_long: list[int] = []
        self.has_other_ends = False
        self.line_ends = [0, 0]
        self.size_bytes = path.stat().st_size
        if self._file.read(3) != BOM:
            self._file.seek(0)

    @property
    def share(self) -> float:
        """Which share of the file was read."""
        return self._file.tell() / max(self.size_bytes, 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def push_back(self, block: Block, index: int) -> None:
        """Make the lines of a block from one on part of the next block."""
        self._pending = block.data[block.starts[index] :] if index < len(block) else b""
        self._line = block.number(index)

    def mark(self, block: Block, index: int) -> Mark:
        """Return the place in front of a line."""
        start = block.starts[index] if index < len(block) else len(block.data)
        return Mark(self._file.tell(), block.data[start:], block.number(index))

    def reset(self, mark: Mark) -> None:
        """Go back to a place."""
        self._file.seek(mark.offset)
        self._pending = mark.pending
        self._line = mark.line

    def block(self, *, grow: int = 1) -> Block | None:
        """Return the next block, or None at the end; `grow` asks for a longer one."""
        fresh, is_last = self._fresh(BLOCK_BYTES * grow)
        first_fresh = self._line + self._pending.count(b"\n")
        data = self._pending + self._cleaned(fresh, first_fresh)
        self._pending = b""
        if not data:
            return None
        if not data.endswith(b"\n"):
            data += b"\n"
        found = Block(data, self._line, self.form, is_last=is_last)
        self._line += len(found)
        return found

    def _fresh(self, size: int) -> tuple[bytes, bool]:
        """Read whole lines, and say whether they are the last."""
        data = self._file.read(size)
        while True:
            end = max(data.rfind(b"\n"), -1) + 1
            if end == 0 and b"\r" in data[:-1]:
                end = data.rfind(b"\r", 0, len(data) - 1) + 1
            if end:
                break
            if len(data) > LINE_BYTES:
                data = self._skip_line()
                continue
            more = self._file.read(BLOCK_BYTES)
            if not more:
                return data, True
            data += more
        tail = data[end:]
        at_end = not tail and not self._has_more()
        if tail:
            self._file.seek(-len(tail), 1)
        if not self.form.quote or self.form.quote.encode() not in data:
            pairs = data.count(b"\r\n", 0, end)
            self.line_ends[0] += data.count(b"\n", 0, end) - pairs
            self.line_ends[1] += pairs
        return data[:end], at_end

    def _has_more(self) -> bool:
        if self._file.read(1):
            self._file.seek(-1, 1)
            return True
        return False

    def _skip_line(self) -> bytes:
        """Pass by the rest of a line that is too long, and leave an empty one in its place."""
        number = self._line + self._pending.count(b"\n")
        self.too_long.append(number)
        while chunk := self._file.read(BLOCK_BYTES):
            end = chunk.find(b"\n")
            if end >= 0:
                return b"\n" + chunk[end + 1 :]
        return b"\n"

    def _cleaned(self, data: bytes, first_line: int) -> bytes:
        if b"\0" in data:
            self._note_each(data, b"\0", first_line, "nul_removed", "NUL characters were removed")
            data = data.replace(b"\0", b"")
        if BOM in data:
            self._note_each(data, BOM, first_line, "mark_removed", "a byte order mark in mid-file was removed")
            data = data.replace(BOM, b"")
        return self._ended(data, first_line) if b"\r" in data else data

    def _note_each(self, data: bytes, what: bytes, first_line: int, kind: str, detail: str) -> None:
        for line, count in _per_line(data, what):
            self.notes.add(kind, detail, f"line {first_line + line}", count)

    def _ended(self, data: bytes, first_line: int) -> bytes:
        """Make line ends of the CRs that stand alone, if that is what they are here."""
        pairs = data.count(b"\r\n")
        alone = data.count(b"\r") - pairs
        if not alone or alone < _CR_SHARE * (data.count(b"\n") + alone):
            return data
        array = np.frombuffer(data, np.uint8)
        returns = np.flatnonzero(array == _CR)
        single = returns[(returns + 1 >= len(array)) | (array[np.minimum(returns + 1, len(array) - 1)] != _LF)]
        quotes = _quotes(array, self.form)
        outside = single[np.searchsorted(quotes, single) % 2 == 0]
        self.has_other_ends = True
        if b"\n" in data:
            detail = "carriage returns alone end lines here, line feeds others"
            self.notes.add("mixed_line_ends", detail, f"line {first_line}", len(outside))
        changed = array.copy()
        changed[outside] = _LF
        return changed.tobytes()


def _per_line(data: bytes, what: bytes) -> Iterator[tuple[int, int]]:
    """Yield the lines (from 0) that hold something, and how often; many in one line are counted together."""
    position, line, last = data.find(what), 0, 0
    while position >= 0:
        line += data.count(b"\n", last, position)
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        yield line, data.count(what, position, end)
        last = end
        position = data.find(what, end)
