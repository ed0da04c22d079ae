"""Fixtures of the handlers' tests: one parse from bytes to tables, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing_svc.parse import parse

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


@dataclass(frozen=True)
class Parsed:
    """A report and the tables it names."""

    report: dict[str, Any]
    tables: list[pa.Table]

    @property
    def table(self) -> pa.Table:
        """The only table."""
        (table,) = self.tables
        return table

    @property
    def repairs(self) -> dict[str, int]:
        """Counts of repairs of the first table."""
        counts: dict[str, int] = self.report["tables"][0]["repairs"]["counts"]
        return counts

    @property
    def findings(self) -> dict[str, int]:
        """Counts of findings of the first table."""
        counts: dict[str, int] = self.report["tables"][0]["findings"]["counts"]
        return counts


ParseBytes = Callable[..., Parsed]


@pytest.fixture
def parse_bytes(tmp_path: Path) -> ParseBytes:
    """`parse_bytes(data, format, **argument)` writes a file, parses it and reads its tables back."""

    def run(data: bytes | Path, file_format: str, **argument: Any) -> Parsed:
        path = data if isinstance(data, Path) else tmp_path / "original"
        if isinstance(data, bytes):
            path.write_bytes(data)
        scratch, out = tmp_path / "scratch", tmp_path / "out"
        scratch.mkdir(exist_ok=True)
        out.mkdir(exist_ok=True)
        report = parse({"path": str(path), "format": file_format, "scratch": str(scratch), "out": str(out), **argument})
        return Parsed(report, [pq.read_table(out / table["path"]) for table in report["tables"]])

    return run


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of files that no one here wrote; tests are skipped without it."""
    if not CORPUS.is_dir():
        pytest.skip("../shared/corpus is absent")
    return CORPUS
