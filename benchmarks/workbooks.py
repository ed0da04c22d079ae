"""Workbooks as people lay them out, made at random with known truth, and how much of it the platform finds again.

Usage: python benchmarks/workbooks.py [--count 300] [--seed 0] [--show 5]. Prints, by trait and over all: tables whose
region, header and every value are found exactly; precision and recall of regions; header rows; agreement of cells.
The writer is XlsxWriter, which shares no code with the reader.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_range

WORDS: Final = [
    "alpha",
    "river",
    "stone",
    "market",
    "office",
    "garden",
    "bridge",
    "window",
    "silver",
    "harbour",
    "summer",
    "winter",
    "north",
    "south",
    "copper",
    "paper",
    "engine",
    "village",
    "cotton",
    "forest",
    "island",
    "cherry",
    "marble",
    "lantern",
    "meadow",
]
CITIES: Final = ("Berlin", "Lyon", "Graz", "Oslo", "Porto", "Kraków", "Bern", "Turku", "Gent", "Brno")
NAMES: Final = (
    "Id", "Name", "City", "Country", "Status", "Amount", "Quantity", "Price", "Date", "Due", "Owner", "Code", "Share",
    "Rate", "Comment", "Region", "Product", "Unit", "Score", "Active", "Start", "Department", "Category", "Hours",
)  # fmt: skip
TITLES: Final = ("Quarterly report", "Overview 2023", "Inventory of stations", "Table 3", "Sales by region")
NOTES: Final = ("Source: national statistics office", "* provisional", "Note: figures are rounded to the next thousand")


@dataclass(frozen=True)
class Truth:
    """A table as a person sees it: from its header to its last row of data, without titles, totals and notes."""

    sheet: str
    top: int
    left: int
    header: int
    names: list[str | None]
    rows: list[list[Any]]
    traits: tuple[str, ...]


@dataclass
class Made:
    """A workbook and what is in it."""

    path: Path
    tables: list[Truth] = field(default_factory=list)


Maker = Callable[[random.Random], Any]


def _words(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def _day(rng: random.Random) -> date:
    return date(2015, 1, 1) + timedelta(days=rng.randint(0, 4000))


def _moment(rng: random.Random) -> datetime:
    return datetime.combine(_day(rng), time(rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)))


KINDS: Final[dict[str, tuple[str | None, Maker]]] = {
    "whole": (None, lambda rng: rng.randint(-50, 100_000)),
    "fraction": ("0.00", lambda rng: round(rng.uniform(-1000, 1000), rng.randint(1, 6))),
    "percent": ("0.0%", lambda rng: round(rng.random(), 4)),
    "money": ("#,##0.00 €", lambda rng: rng.randint(1, 1_000_000) / 100),
    "word": (None, lambda rng: rng.choice(WORDS)),
    "city": (None, lambda rng: rng.choice(CITIES)),
    "name": (None, lambda rng: _words(rng, 2, 3).title()),
    "code": ("@", lambda rng: f"{rng.randint(0, 99_999):05}"),
    "sentence": (None, lambda rng: _words(rng, 6, 25)),
    "day": ("yyyy-mm-dd", _day),
    "moment": ("dd/mm/yyyy hh:mm:ss", _moment),
    "clock": ("hh:mm", lambda rng: time(rng.randint(0, 23), rng.randint(0, 59))),
    "flag": (None, lambda rng: rng.random() < 0.5),
    "year": (None, lambda rng: rng.randint(1990, 2025)),
}


TEXTS: Final = frozenset({"word", "city", "name", "code", "sentence"})
STYLES: Final[tuple[dict[str, Any], ...]] = (
    {}, {"bold": True}, {"bold": True, "bg_color": "#DDDDDD"}, {"bg_color": "#C0E0FF"},
)  # fmt: skip


class _Sheet:
    """Places cells; knows the formats of a workbook."""

    def __init__(self, book: Any, name: str, rng: random.Random) -> None:
        self.book = book
        self.sheet = book.add_worksheet(name)
        self.name = name
        self.rng = rng
        self._formats: dict[tuple[Any, ...], Any] = {}

    def format(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(properties)
        return self._formats[key]

    def write(self, row: int, column: int, value: Any, **properties: Any) -> None:
        style = self.format(**properties) if properties else None
        if value is None:
            if style is not None:
                self.sheet.write_blank(row, column, None, style)
        elif isinstance(value, bool):
            self.sheet.write_boolean(row, column, value, style)
        elif isinstance(value, int | float):
            self.sheet.write_number(row, column, value, style)
        elif isinstance(value, date | datetime | time):
            self.sheet.write_datetime(row, column, value, style)
        else:
            self.sheet.write_string(row, column, str(value), style)


@dataclass(frozen=True)
class _Plan:
    """One table to write: where its columns are, what they hold, and what was done to it."""

    sheet: _Sheet
    left: int
    kinds: list[str]
    traits: list[str]

    @property
    def rng(self) -> random.Random:
        return self.sheet.rng

    def write(self, row: int, index: int, value: Any, **properties: Any) -> None:
        self.sheet.write(row, self.left + index, value, **properties)

    def merge(self, area: tuple[int, int, int, int], text: str, **properties: Any) -> None:
        top, first, bottom, last = area
        style = self.sheet.format(**properties)
        self.sheet.sheet.merge_range(top, self.left + first, bottom, self.left + last, text, style)


def _table(sheet: _Sheet, top: int, left: int) -> tuple[Truth, int]:
    """Write one table with what stands around it; return its truth and the first row below it."""
    rng = sheet.rng
    width = rng.choice((2, 3, 3, 4, 4, 5, 6, 8, 12))
    kinds = [rng.choice(tuple(KINDS)) for _ in range(width)]
    if rng.random() < 0.7:
        kinds[0] = rng.choice(("name", "word", "city", "code", "whole", "day", "year"))
    if rng.random() < 0.12:
        kinds = [rng.choice(sorted(TEXTS)) for _ in kinds]
    plan = _Plan(sheet, left, kinds, ["all text" if set(kinds) <= TEXTS else "typed"])
    row = _titles(plan, top) if rng.random() < 0.4 else top
    names, header, row = _header(plan, row)
    first = row
    rows, row = _rows(plan, row, rng.choice((2, 3, 4, 5, 8, 12, 20, 40, 90)))
    if header == 1 and not {"blank rows", "merged labels", "filter"} & set(plan.traits) and rng.random() < 0.12:
        plan.traits.append("defined table")
        columns = [{"header": name} for name in names]
        sheet.sheet.add_table(first - 1, left, row - 1, left + width - 1, {"columns": columns, "style": None})
    elif rng.random() < 0.3:
        row = _total(plan, first, row, rows)
    if rng.random() < 0.25:
        row = _notes(plan, row)
    return Truth(sheet.name, first - header, left, header, names, rows, tuple(plan.traits)), row


def _titles(plan: _Plan, row: int) -> int:
    rng, width = plan.rng, len(plan.kinds)
    plan.traits.append("title")
    for line in range(rng.randint(1, 2)):
        text = rng.choice(TITLES) + ("" if not line else " (draft)")
        if rng.random() < 0.3:
            plan.merge((row, 0, row, width - 1), text, bold=True)
        else:
            plan.write(row, 0, text, **({"bold": True} if rng.random() < 0.5 else {}))
        row += 1
    return row + rng.choice((0, 0, 1, 1, 2))


def _header(plan: _Plan, row: int) -> tuple[list[Any], int, int]:
    rng, width = plan.rng, len(plan.kinds)
    style = rng.choice(STYLES)
    plain = rng.sample(NAMES, width)
    kind = rng.random()
    typed = bool(set(plan.kinds) - TEXTS - {"year"})
    if kind < 0.08 and typed:
        plan.traits.append("no header")
        return [None] * width, 0, row
    if kind < 0.22 and width >= 4 and typed:
        return _grouped_header(plan, row, plain, style)
    for index, name in enumerate(plain):
        plan.write(row, index, name, **style)
    if rng.random() < 0.1:
        plan.traits.append("filter")
        plan.sheet.sheet.autofilter(row, plan.left, row + 1, plan.left + width - 1)
    return list(plain), 1, row + 1


def _grouped_header(plan: _Plan, row: int, plain: list[str], style: dict[str, Any]) -> tuple[list[Any], int, int]:
    rng = plan.rng
    merged = rng.random() < 0.6
    plan.traits.append("merged header" if merged else "two-row header")
    fixed = rng.randint(1, 2)
    for index in range(fixed):
        if merged:
            plan.merge((row, index, row + 1, index), plain[index], **style)
        else:
            plan.write(row + 1, index, plain[index], **style)
    names: list[Any] = plain[:fixed]
    index, year = fixed, rng.randint(2000, 2015)
    while index < len(plain):
        span = min(rng.randint(2, 3), len(plain) - index)
        group = rng.choice((f"FY {year}", f"Plan {year}", f"Zone {year - 1999}"))
        year += 1
        if merged and span > 1:
            plan.merge((row, index, row, index + span - 1), group, **style)
        else:
            plan.write(row, index, group, **style)
        for place in range(index, index + span):
            plan.write(row + 1, place, plain[place], **style)
            names.append(f"{group} / {plain[place]}")
        index += span
    return names, 2, row + 2


def _rows(plan: _Plan, row: int, height: int) -> tuple[list[list[Any]], int]:
    rng, kinds = plan.rng, plan.kinds
    empty = [0.0 if index == 0 else rng.choice((0, 0, 0, 0.05, 0.3)) for index in range(len(kinds))]
    gaps = rng.random() < 0.08 and height > 6
    if rng.random() < 0.08 and kinds[0] in {"city", "word"} and height > 4 and not gaps:
        return _labelled_rows(plan, row, height)
    if gaps:
        plan.traits.append("blank rows")
    striped = rng.random() < 0.1
    rows: list[list[Any]] = []
    for number in range(height):
        values = [
            None if rng.random() < share else KINDS[kind][1](rng) for kind, share in zip(kinds, empty, strict=True)
        ]
        for index, value in enumerate(values):
            _cell(plan, row, index, value, striped=striped and number % 2 == 1)
        rows.append(values)
        row += 2 if gaps and rng.random() < 0.15 and number < height - 1 else 1
    return rows, row


def _cell(plan: _Plan, row: int, index: int, value: Any, *, striped: bool) -> None:
    number_format = KINDS[plan.kinds[index]][0]
    properties: dict[str, Any] = {"num_format": number_format} if number_format else {}
    if striped:
        properties["bg_color"] = "#F4F4F4"
    plan.write(row, index, value, **properties)


def _labelled_rows(plan: _Plan, row: int, height: int) -> tuple[list[list[Any]], int]:
    """Write rows whose first cells are merged by threes."""
    plan.traits.append("merged labels")
    rng = plan.rng
    rows: list[list[Any]] = []
    for first in range(0, height, 3):
        label = KINDS[plan.kinds[0]][1](rng)
        count = min(3, height - first)
        if count > 1:
            plan.merge((row, 0, row + count - 1, 0), label)
        else:
            plan.write(row, 0, label)
        for _ in range(count):
            values = [label, *(None if rng.random() < 0.1 else KINDS[kind][1](rng) for kind in plan.kinds[1:])]
            for index in range(1, len(values)):
                _cell(plan, row, index, values[index], striped=False)
            rows.append(values)
            row += 1
    return rows, row


def _total(plan: _Plan, first: int, row: int, rows: list[list[Any]]) -> int:
    rng, kinds = plan.rng, plan.kinds
    numeric = [index for index, kind in enumerate(kinds) if kind in {"whole", "fraction", "money"} and index]
    if not numeric or kinds[0] not in {"name", "word", "city"}:
        return row
    plan.traits.append("total")
    row += rng.choice((0, 0, 0, 1))
    style: dict[str, Any] = {"bold": True} if rng.random() < 0.5 else {}
    plan.write(row, 0, rng.choice(("Total", "TOTAL", "Grand Total", "Sum", "Summe", "Total:")), **style)
    for index in numeric:
        value = sum(line[index] or 0 for line in rows)
        if rng.random() < 0.6:
            formula = f"=SUM({xl_range(first, plan.left + index, row - 1, plan.left + index)})"
            plan.sheet.sheet.write_formula(row, plan.left + index, formula, plan.sheet.format(**style), value)
        else:
            plan.write(row, index, value, **style)
    return row + 1


def _notes(plan: _Plan, row: int) -> int:
    plan.traits.append("note")
    row += plan.rng.choice((0, 1, 1))
    for _ in range(plan.rng.randint(1, 2)):
        plan.write(row, 0, plan.rng.choice(NOTES))
        row += 1
    return row


def make(path: Path, rng: random.Random) -> Made:
    """Write one workbook."""
    made = Made(path)
    with xlsxwriter.Workbook(str(path)) as book:
        for number in range(rng.choice((1, 1, 1, 2, 3))):
            sheet = _Sheet(book, f"Sheet {number + 1}", rng)
            made.tables += list(_placed(sheet))
    return made


def _placed(sheet: _Sheet) -> Iterator[Truth]:
    rng = sheet.rng
    top, left = rng.choice(((0, 0), (0, 0), (0, 0), (1, 1), (3, 0), (2, 2)))
    layout = rng.random()
    if layout < 0.55:
        truth, _ = _table(sheet, top, left)
        if truth.header and "defined table" not in truth.traits and rng.random() < 0.15:
            sheet.sheet.freeze_panes(truth.top + truth.header, 0)
        yield truth
        return
    across = layout < 0.75
    for _ in range(rng.randint(2, 3)):
        truth, bottom = _table(sheet, top, left)
        truth = Truth(truth.sheet, truth.top, truth.left, truth.header, truth.names, truth.rows,
                      (*truth.traits, "side by side" if across else "stacked"))  # fmt: skip
        yield truth
        if across:
            left += len(truth.names) + rng.randint(1, 3)
        else:
            top = bottom + rng.randint(1, 3)


# What was found ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A table as the platform extracted it."""

    sheet: str
    region: tuple[int, int, int, int]
    header: int
    names: list[str | None]
    rows: list[list[Any]]


def extract(path: Path, folder: Path) -> list[Found]:
    """Extract with the platform's handler, without writing."""
    from processing_svc.grid.cells import parse_area  # noqa: PLC0415
    from processing_svc.handlers.excel import ExcelHandler  # noqa: PLC0415
    from processing_svc.handlers.interface import ExtractedTable, Original  # noqa: PLC0415

    found = []
    for item in ExcelHandler().extract(Original(path=path, format=path.suffix[1:], scratch=folder)):
        if isinstance(item, ExtractedTable):
            rows = [list(row.values()) for batch in item.batches for row in batch.to_pylist()]
            area = parse_area(item.origin.region or "")
            bounds = (area.top, area.left, area.bottom, area.right) if area else (0, 0, 0, 0)
            names = [column.name for column in item.columns]
            found.append(Found(str(item.origin.sheet), bounds, len(item.header_rows), names, rows))
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a person."""
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return _text(one) == _text(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    if isinstance(one, date) and isinstance(other, date):
        return _as_moment(one) == _as_moment(other)
    return bool(one == other)


def _as_moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def agreement(truth: Truth, found: Found | None) -> tuple[int, int]:
    """Return how many of a table's values, header included, are at their place, and how many there are."""
    total = sum(value is not None for row in (truth.names, *truth.rows) for value in row)
    if found is None:
        return 0, total
    right = sum(a is not None and a == b for a, b in zip(truth.names, found.names, strict=False))
    for expected, actual in zip(truth.rows, found.rows, strict=False):
        right += sum(a is not None and same(a, b) for a, b in zip(expected, actual, strict=False))
    return right, total


def exact(truth: Truth, found: Found | None) -> bool:
    """Whether names, rows and values are all the same."""
    return (
        found is not None
        and truth.names == found.names
        and len(truth.rows) == len(found.rows)
        and all(len(a) == len(b) and all(map(same, a, b)) for a, b in zip(truth.rows, found.rows, strict=True))
    )


def matched(truth: Truth, found: Iterable[Found]) -> Found | None:
    """Return the found table that covers most of a true one, if it begins and ends near it."""
    left, right = truth.left, truth.left + len(truth.names) - 1
    best, most = None, 0.0
    for one in found:
        if one.sheet != truth.sheet:
            continue
        top, first, bottom, last = one.region
        wide = max(0, min(right, last) - max(left, first) + 1) / (max(right, last) - min(left, first) + 1)
        end = truth.top + truth.header + len(truth.rows) - 1
        tall = max(0, min(end, bottom) - max(truth.top, top) + 1) / (max(end, bottom) - min(truth.top, top) + 1)
        if wide * tall > most:
            best, most = one, wide * tall
    return best


@dataclass
class Score:
    """Counts over many workbooks."""

    tables: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    headers: int = 0
    right: int = 0
    cells: int = 0
    found: int = 0
    missed: list[tuple[Path, Truth, Found | None]] = field(default_factory=list)

    def add(self, made: Made, found: list[Found]) -> None:
        """Count one workbook."""
        self.found += len(found)
        for truth in made.tables:
            best = matched(truth, found)
            right, total = agreement(truth, best)
            self.right, self.cells = self.right + right, self.cells + total
            self.headers += best is not None and best.header == truth.header
            hit = exact(truth, best)
            for trait in ("all", *truth.traits):
                self.tables[trait] += 1
                self.exact[trait] += hit
            if not hit:
                self.missed.append((made.path, truth, best))


def measure(count: int, seed: int, folder: Path) -> Score:
    """Make workbooks and read them again."""
    score = Score()
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    for number in range(count):
        made = make(folder / f"{number}.xlsx", random.Random(seed * 1_000_003 + number))
        score.add(made, extract(made.path, scratch))
    return score


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="tables to show that were not found exactly")
    parser.add_argument("--keep", type=Path, help="folder to keep the workbooks in")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        score = measure(chosen.count, chosen.seed, folder)
    for trait, count in sorted(score.tables.items(), key=lambda item: -item[1]):
        print(f"{trait:16} {count:5} tables  exactly found {score.exact[trait] / count:6.3f}")
    tables = score.tables["all"]
    print(f"tables found per table {score.found / tables:.3f}, header rows right {score.headers / tables:.3f}, "
          f"cells agree {score.right / score.cells:.4f} of {score.cells}")  # fmt: skip
    for path, truth, found in score.missed[: chosen.show]:
        print("--", path.name, truth.sheet, "top", truth.top, "left", truth.left, "header", truth.header, truth.traits)
        print("   expected", truth.names, len(truth.rows), "rows", truth.rows[:2])
        print("   found   ", found and (found.region, found.header, found.names, len(found.rows), found.rows[:2]))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
