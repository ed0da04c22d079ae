"""One assessment of a table made up here, so that what libraries do at first use is done before the sandbox forks."""

import tempfile
from pathlib import Path
from typing import Final
from uuid import UUID

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.assess import assess
from quality_svc.semantics import registries

_NOBODY: Final = str(UUID(int=0))
_TABLE: Final = """
SELECT i AS id, 'name ' || i AS name, i * 1.5 AS price, DATE '2024-01-01' + i::INTEGER AS day, i % 2 = 0 AS even,
       TIMESTAMP '2024-01-01 10:00:00' + INTERVAL 1 HOUR * i AS at, '+49 30 12345' || i AS phone,
       '12.345.' || i AS ssn, 'DE' || i AS iban, 'a' || i || '@b.example' AS mail, i || ' Main Street' AS address,
       [i] AS list
FROM range(30) t(i)
"""


def warm_up() -> None:
    """Assess it, and forget it."""
    registries.warm()
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.parquet"
        with open_engine(EngineLimits(64 << 20, 1, Path(folder))) as connection:
            connection.sql(_TABLE).write_parquet(str(part))
        assess(
            {
                "dataset_id": _NOBODY,
                "run_id": _NOBODY,
                "assessment_id": _NOBODY,
                "tables": [{"table_id": _NOBODY, "index": 0, "name": "warm", "parts": [str(part)]}],
                "document": str(Path(folder) / "profile.json"),
                "memory_bytes": 64 << 20,
                "threads": 1,
                "scratch": folder,
            }
        )
