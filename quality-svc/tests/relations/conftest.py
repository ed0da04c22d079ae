"""Tables made on the spot, and their relations. Test files hold the questions."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.engine import EngineLimits
from quality_svc.profile.table import TableProfiler
from quality_svc.relations import Relations, find_relations

Find = Callable[..., Relations]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Writes a table, in as many parts as asked, and finds its relations."""

    def run(table: pa.Table | pd.DataFrame, parts: int = 1, seed: int = 1) -> Relations:
        made = pa.Table.from_pandas(table, preserve_index=False) if isinstance(table, pd.DataFrame) else table
        size = -(-made.num_rows // parts) or 1
        paths = []
        for number in range(parts):
            paths.append(tmp_path / f"part-{number}.parquet")
            pq.write_table(made.slice(number * size, size), paths[-1], row_group_size=20_000)
        limits = EngineLimits(256 << 20, 1, tmp_path)
        return find_relations(paths, limits, list(TableProfiler(paths, limits).columns()), seed=seed)

    return run
