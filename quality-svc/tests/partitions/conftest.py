"""Tables of many kinds in several row groups and parts, profiled whole and in items. Test files hold the questions."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.partitions.items import WorkItem, cut
from quality_svc.partitions.merging import MergedProfiler
from quality_svc.partitions.scanning import scan
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.table import TableProfiler

MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def of_all_kinds(rows: int, seed: int = 0) -> pa.Table:
    """Every kind of column, with nulls, infinities and NaN; some mostly null."""
    random = np.random.default_rng(seed)
    numbers = random.normal(1e6, 3, rows)
    odd = np.where(random.random(rows) < 0.01, np.inf, np.where(random.random(rows) < 0.01, np.nan, numbers))
    hidden = random.random(rows) < 0.2
    rare = random.random(rows) > 0.01
    days = random.integers(-200_000, 20_000, rows)
    texts = [f"item {n}" if n % 7 else " " for n in random.integers(0, rows, rows)]
    columns: dict[str, Any] = {
        "id": pa.array(range(rows)),
        "heavy": pa.array(np.exp(random.normal(0, 4, rows)), mask=hidden),
        "odd": pa.array(odd),
        "rare": pa.array(random.choice([1.5, -np.inf, np.inf, 2.5], rows), mask=rare),
        "few": pa.array(random.integers(0, 200, rows), pa.uint8()),
        "wide": pa.array([int(n) << 55 for n in random.integers(-200, 200, rows)], pa.int64()),
        "price": pa.array([Decimal(int(n)) / 100 for n in random.integers(0, 10**6, rows)], pa.decimal128(12, 2)),
        "text": pa.array(texts, mask=hidden),
        "note": pa.array(["ü" * 200 + text for text in texts], mask=rare),
        "flag": pa.array(random.random(rows) < 0.3, mask=hidden),
        "day": pa.array([date(2000, 1, 1) + timedelta(days=int(n)) for n in days], mask=hidden),
        "moment": pa.array([MOMENT + timedelta(seconds=int(n)) for n in days], pa.timestamp("us", "UTC")),
        "clock": pa.array([time(int(n) % 24, 30) for n in days]),
        "blob": pa.array([bytes([int(n) % 256]) for n in days], mask=rare),
        "list": pa.array([[int(n) % 5] * (int(n) % 3) for n in days]),
        "empty": pa.array([None] * rows, pa.float64()),
        "nothing": pa.array([None] * rows, pa.null()),
    }
    return pa.table(columns)


@pytest.fixture
def all_kinds() -> Callable[..., pa.Table]:
    """Makes a table of so many rows with columns of every kind."""
    return of_all_kinds


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., list[Path]]:
    """Writes a table in parts."""

    def write(table: pa.Table, parts: int = 1, group: int = 5_000) -> list[Path]:
        size = -(-table.num_rows // parts)
        paths = [tmp_path / f"part-{number}.parquet" for number in range(parts)]
        for number, path in enumerate(paths):
            pq.write_table(table.slice(number * size, size), path, row_group_size=group)
        return paths

    return write


@pytest.fixture
def limits(tmp_path: Path) -> EngineLimits:
    return EngineLimits(256 << 20, 1, tmp_path)


class Split:
    """A table cut into items, and its partial profiles as they are made."""

    def __init__(self, parts: Sequence[Path], limits: EngineLimits, item_bytes: int) -> None:
        self.parts = parts
        self.items = cut([pq.read_metadata(part) for part in parts], item_bytes)
        self.partials: dict[int, Path] = {}
        self._limits = limits

    def scan(self, item: WorkItem, name: str = "partial") -> Path:
        out = self._limits.scratch / f"{name}-{item.number}.parquet"
        scan(self.parts, item, self._limits, out)
        self.partials[item.number] = out
        return out

    def merged(self) -> list[ColumnProfile]:
        return list(MergedProfiler(self.parts, self.items, self.partials).columns())

    def whole(self) -> list[ColumnProfile]:
        return list(TableProfiler(self.parts, self._limits).columns())


@pytest.fixture
def split(stored: Callable[..., list[Path]], limits: EngineLimits) -> Callable[..., Split]:
    def make(table: pa.Table, parts: int = 1, group: int = 5_000, item_bytes: int = 1) -> Split:
        return Split(stored(table, parts, group), limits, item_bytes)

    return make


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets tables count as large from some thousand rows on."""
    for module in ("plan", "table"):
        monkeypatch.setattr(f"quality_svc.profile.{module}.EXACT_ROWS", 2_048)
