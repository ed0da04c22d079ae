"""What a format handler gets, what it yields, and how it refuses. No format lives here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from dataplatform.events.base import Origin, ParseOptions, Unextracted

__all__ = [
    "Budget",
    "Casts",
    "Extracted",
    "ExtractedTable",
    "FileFacts",
    "Handler",
    "HandlerError",
    "Notes",
    "Origin",
    "Original",
    "ParseOptions",
    "Remark",
    "RestartError",
    "SourceColumn",
    "Unextracted",
]

MAX_REMARKS = 1000
"""Most remarks of one kind that are listed one by one; beyond it they are only counted."""
MAX_SAMPLES = 10
MAX_SAMPLE_CHARACTERS = 200


def untold(_share: float) -> None:
    """Tell nobody how far a reading is."""


class HandlerError(Exception):
    """The original is refused for good: a stable `code`, and a `detail` that a person can act on."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a handler may take before it changes its method or refuses, naming the bound."""

    memory_bytes: int = 512 * 1024**2
    cells: int = 10_000_000
    """Cells of one sheet that may be in memory at once."""
    unpacked_bytes: int = 20 * 1024**3
    ratio: int = 1000
    """Most unpacked bytes per packed byte, once more than `free_bytes` are unpacked."""
    free_bytes: int = 64 * 1024**2
    columns: int = 100_000
    pages: int = 5_000
    page_cpu_seconds: float = 20.0
    """Processor time after which a page is given up."""
    tables: int = 1_000
    members: int = 10_000
    """Files in an archive, those in archives inside it included."""
    nesting: int = 5
    """Wrappers around a file: archives in archives, compressed streams in them."""


@dataclass(frozen=True, slots=True)
class Original:
    """The file to read, what is known about it, and a private folder for what has to be written on the way."""

    path: Path
    format: str
    scratch: Path
    encoding: str | None = None
    """IANA name of a text format's encoding, or None: find it."""
    compression: str | None = None
    name: str = "table"
    """Names tables that have no name of their own."""
    budget: Budget = field(default_factory=Budget)
    options: ParseOptions = field(default_factory=ParseOptions)
    on_read: Callable[[float], None] = field(default=untold, compare=False, repr=False)
    """Told now and then which share of the file was read, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One repair or finding. `position` is a line, a cell or a page as text; never a cell's value."""

    kind: str
    detail: str
    position: str | None = None


class Notes:
    """Remarks that are counted always and listed up to a bound, so that a broken file cannot fill the memory."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.listed: list[Remark] = []

    def add(self, kind: str, detail: str, position: str | None = None, count: int = 1) -> None:
        """Count a remark; list it while there is room."""
        known = self.counts.get(kind, 0)
        self.counts[kind] = known + count
        if known < MAX_REMARKS:
            self.listed.append(Remark(kind, detail, position))

    def merge(self, other: "Notes") -> None:
        """Take over all remarks of another."""
        for remark in other.listed:
            self.add(remark.kind, remark.detail, remark.position, 0)
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count

    @property
    def total(self) -> int:
        """How many remarks there are in all."""
        return sum(self.counts.values())


@dataclass(slots=True)
class Casts:
    """What became null of a column's texts while it was read: those that stand for null, and those that do not fit."""

    spellings: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    samples: list[tuple[int, str]] = field(default_factory=list)

    def spell(self, text: str, count: int = 1) -> None:
        """Count a text that stands for null."""
        self.spellings[text] = self.spellings.get(text, 0) + count

    def fail(self, row: int, text: str) -> None:
        """Count a text that does not fit its column; keep it while there are few. `row` counts from 1."""
        self.failed += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append((row, text[:MAX_SAMPLE_CHARACTERS]))


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the original has it. `inferred` names the kind that was found in its text, for text formats."""

    name: str | None
    inferred: str | None = None
    note: str | None = None
    unit: str | None = None
    """The unit of measure, where the header or the values name one."""
    format: str | None = None
    """How the values are written, where that is not the plain form of their type."""
    overridden: str | None = None
    """The type that a person set, where it was applied."""
    casts: Casts | None = None
    """What becomes null while the batches are read; grows until the last batch was taken."""


@dataclass(slots=True)
class ExtractedTable:
    """One table: record batches that are made while they are read, once, in row order.

    The batches' columns are in the order of `columns`; their names do not matter. `findings` and `repairs` may grow
    until the last batch was taken.
    """

    name: str
    origin: Origin
    columns: Sequence[SourceColumn]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    findings: Notes = field(default_factory=Notes)
    repairs: Notes = field(default_factory=Notes)
    header_rows: tuple[int, ...] = ()
    """Lines or sheet rows, from 1, that the names were made of."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a handler learned about the file as a whole; at most one is yielded, at any place.

    `metadata` holds the document's own words (title, author, dates, pages); `dialect` a text's delimiter, quote,
    escape and their confidence.
    """

    encoding: str | None = None
    encoding_confidence: float | None = None
    dialect: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


Extracted = ExtractedTable | Unextracted | FileFacts


class RestartError(Exception):
    """Raised by a table's batches: what was taken so far is void, `table` is the same table from its first row."""

    def __init__(self, table: ExtractedTable) -> None:
        super().__init__("the table is read again, more carefully")
        self.table = table


class Handler(Protocol):
    """Reads one family of formats. `version` grows whenever the same file may give a different result."""

    name: str
    version: str
    formats: frozenset[str]

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield every table, each to be read before the next is asked for, and every part that gave none.

        Raises `HandlerError` for an original (or, from a table's batches, a table) that cannot be read.
        """
        ...
