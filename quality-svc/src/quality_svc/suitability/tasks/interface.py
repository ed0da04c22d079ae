"""What a task is asked, what it answers with, and how the registered ones are found."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import entry_points
from typing import Final, Protocol, runtime_checkable

from quality_svc.suitability.document import Gate
from quality_svc.suitability.errors import UnknownTaskError
from quality_svc.suitability.scoring import Answer
from quality_svc.suitability.table import Table

GROUP: Final = "dataplatform.suitability"


@dataclass(frozen=True, slots=True)
class Question:
    """A table, and what is known about the task: the column meant, today's date, another table to join with."""

    table: Table
    seed: int
    target: str | None = None
    as_of: date | None = None
    other: Table | None = None


@runtime_checkable
class Task(Protocol):
    """Judges how well a table serves one kind of analysis; deterministic, no clock, no network, bounded time."""

    name: str

    def judge(self, question: Question) -> Answer:
        """Return gates, evidence and dimensions; raises `UnknownColumnError`, `UnreadableTableError`."""


@cache
def _entries() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def task_names() -> tuple[str, ...]:
    """Return the names of the registered tasks, in order; nothing is loaded."""
    return tuple(sorted(_entries()))


@cache
def task_named(name: str) -> Task:
    """Load a task, with the libraries it needs; raises `UnknownTaskError`."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            task: Task = entry.load()()
            return task
    raise UnknownTaskError(name, task_names())


def rows_gate(rows: int, needed: int) -> Gate:
    """Return the gate that a table must have some rows at all."""
    return Gate(name="rows", passed=rows >= needed, evidence=f"{rows:,} rows", value=rows, threshold=needed)
