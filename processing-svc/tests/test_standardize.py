import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing_svc.columns import safe_names
from processing_svc.handlers.interface import ExtractedTable, HandlerError, Origin, RestartError, SourceColumn
from processing_svc.standardize import ROW_GROUP_BYTES, ROW_GROUP_ROWS, standardize

FIELDS: dict[str, pa.DataType] = {"c0": pa.int64(), "c1": pa.string()}
SCHEMA = pa.schema(FIELDS)


def _batch(start: int, rows: int, text: str = "x") -> pa.RecordBatch:
    return pa.record_batch([pa.array(range(start, start + rows)), pa.array([text] * rows)], schema=SCHEMA)


def _table(batches: Iterator[pa.RecordBatch]) -> ExtractedTable:
    return ExtractedTable(
        "t", Origin(kind="file"), [SourceColumn("First One", "integer"), SourceColumn(None)], SCHEMA, batches
    )


def test_rows_stand_in_row_groups_of_bounded_size(tmp_path: Path) -> None:
    written = standardize(_table(_batch(start, 50_000) for start in range(0, 500_000, 50_000)), tmp_path / "t.parquet")
    metadata = pq.read_metadata(written.path)
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    assert sum(sizes) == written.row_count == 500_000
    assert max(sizes) <= ROW_GROUP_ROWS
    assert len(sizes) == 5
    assert pq.read_table(written.path).column("first_one").to_pylist() == list(range(500_000))


def test_wide_values_end_a_row_group_by_their_bytes(tmp_path: Path) -> None:
    batches = (_batch(start, 1000, "v" * 20_000) for start in range(0, 6000, 1000))
    written = standardize(_table(batches), tmp_path / "t.parquet")
    metadata = pq.read_metadata(written.path)
    assert metadata.num_row_groups >= 3
    largest = max(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
    assert largest * 20_000 <= ROW_GROUP_BYTES * 1.1


def test_one_batch_larger_than_a_row_group_is_cut(tmp_path: Path) -> None:
    written = standardize(_table(iter([_batch(0, ROW_GROUP_ROWS * 2 + 1)])), tmp_path / "t.parquet")
    metadata = pq.read_metadata(written.path)
    assert metadata.num_rows == ROW_GROUP_ROWS * 2 + 1
    assert max(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)) <= ROW_GROUP_ROWS


def test_the_same_batches_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        written = standardize(_table(_batch(start, 30_000) for start in range(0, 90_000, 30_000)), tmp_path / name)
        digests.add(hashlib.sha256(written.path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_zstd_statistics_page_index_and_field_metadata_are_there(tmp_path: Path) -> None:
    written = standardize(_table(iter([_batch(0, 10)])), tmp_path / "t.parquet")
    chunk = pq.read_metadata(written.path).row_group(0).column(0)
    assert chunk.compression == "ZSTD"
    assert chunk.statistics is not None
    assert (chunk.statistics.min, chunk.statistics.max) == (0, 9)
    assert chunk.has_column_index
    field = pq.read_schema(written.path).field("first_one")
    assert field.metadata is not None
    assert field.metadata[b"source_name"] == b"First One"
    assert field.metadata[b"position"] == b"0"
    assert field.metadata[b"inferred_type"] == b"integer"


def test_a_table_without_rows_is_a_file_without_rows(tmp_path: Path) -> None:
    written = standardize(_table(iter([])), tmp_path / "t.parquet")
    assert pq.read_table(written.path).num_rows == 0
    assert [column.name for column in written.columns] == ["first_one", "column_2"]


def test_a_restart_leaves_nothing_of_the_first_attempt(tmp_path: Path) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield _batch(0, ROW_GROUP_ROWS)
        yield _batch(0, ROW_GROUP_ROWS)
        raise RestartError(_table(iter([_batch(7, 1)])))

    written = standardize(_table(failing()), tmp_path / "t.parquet")
    assert pq.read_table(written.path).column("first_one").to_pylist() == [7]


def test_an_error_in_a_batch_comes_out_as_it_is(tmp_path: Path) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield _batch(0, 1)
        raise HandlerError("corrupt_file", "here")

    with pytest.raises(HandlerError, match="here"):
        standardize(_table(failing()), tmp_path / "t.parquet")


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        pool = pa.default_memory_pool()
        before = pool.bytes_allocated()
        highest = 0

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal highest
            for start in range(0, rows, 20_000):
                highest = max(highest, pool.bytes_allocated() - before)
                yield _batch(start, 20_000, "some text")

        standardize(_table(batches()), tmp_path / "t.parquet")
        return highest

    assert peak(3_000_000) < max(2 * peak(500_000), 64 * 1024 * 1024)


def test_names_are_safe_unique_and_stable() -> None:
    assert safe_names(["A b", "a-b", "A_B", "", None, "1st", "ﬁn", "x" * 300, "Straße €"]) == [
        "a_b", "a_b_2", "a_b_3", "column_4", "column_5", "_1st", "fin", "x" * 100, "straße",
    ]  # fmt: skip


def test_a_name_that_looks_like_a_numbered_one_does_not_collide() -> None:
    assert safe_names(["a", "a", "a_2"]) == ["a", "a_2", "a_2_2"]
