"""How far a job is, table by table, told to its worker at a bounded rate. For the inside of a sandbox."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from dataplatform.events.heartbeats import LISTED_TABLES
from dataplatform.jobs.inside import report_progress

EVERY_SECONDS: Final = 0.5
NAME_CHARACTERS: Final = 40
"""Of a table's name: a hundred tables must fit into one report."""


class TablesProgress:
    """Counts rows and bytes of the tables of one job; `tell` gets a snapshot at most every half second."""

    def __init__(
        self,
        tell: Callable[[Mapping[str, Any]], None] = report_progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._told_at = clock()
        self._tables: list[dict[str, Any]] = []
        self._count = 0
        self._earlier = [0, 0]
        self._share: float | None = None

    def read(self, share: float) -> None:
        """Note which share of the file was read, from 0 to 1; it never goes back, even where a table is read again.

        A thread that reads ahead only notes it: what counts rows tells it soon.
        """
        self._share = max(self._share or 0.0, min(share, 1.0))
        if threading.current_thread() is threading.main_thread():
            self._tell_now_and_then()

    def begin(self, name: str) -> None:
        """Go on to the next table."""
        self._tables.append({"index": self._count, "name": name[:NAME_CHARACTERS], "rows": 0, "bytes": 0})
        self._count += 1
        if len(self._tables) > LISTED_TABLES:
            dropped = self._tables.pop(0)
            self._earlier = [self._earlier[0] + dropped["rows"], self._earlier[1] + dropped["bytes"]]

    def advance(self, rows: int, size_bytes: int) -> None:
        """Count more of the table begun last."""
        table = self._tables[-1]
        table["rows"] += rows
        table["bytes"] += size_bytes
        self._tell_now_and_then()

    def restart(self) -> None:
        """Forget what was counted of the table begun last: it is read again."""
        self._tables[-1].update(rows=0, bytes=0)

    def end(self, *, kept: bool) -> None:
        """Mark the table begun last as done, or take it out: it came to nothing."""
        if kept:
            self._tables[-1]["done"] = True
            self._tell_now_and_then()
        else:
            self._tables.pop()
            self._count -= 1

    def snapshot(self) -> dict[str, Any]:
        """Return the progress as `dataplatform.events.heartbeats.Progress` has it."""
        return {
            "rows": self._earlier[0] + sum(table["rows"] for table in self._tables),
            "bytes": self._earlier[1] + sum(table["bytes"] for table in self._tables),
            **({} if self._share is None else {"share": round(self._share, 4)}),
            "table_count": self._count,
            "tables": [dict(table) for table in self._tables],
        }

    def _tell_now_and_then(self) -> None:
        now = self._clock()
        if now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            self._tell(self.snapshot())
