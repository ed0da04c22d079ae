"""Tables for the tasks to judge, made from columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.suitability import Suitability, judge

Judge = Callable[..., Suitability]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """Judges a table, columns by name or a pyarrow table: `judged(columns, task, target, other=columns)`."""

    def call(
        columns: dict[str, Any] | pa.Table, task: str, target: str | None = None, *, other: Any = None, **more: Any
    ) -> Suitability:
        limits = EngineLimits(256 << 20, 1, tmp_path)
        seed = more.pop("seed", 0)
        if other is not None:
            more["other"] = [written(other, tmp_path / "other.parquet")]
        return judge([written(columns, tmp_path / "table.parquet")], limits, task, target, seed=seed, **more)

    return call


def written(columns: dict[str, Any] | pa.Table, path: Path) -> Path:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path)
    return path


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)
