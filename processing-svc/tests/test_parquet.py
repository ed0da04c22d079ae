import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing_svc.handlers.interface import HandlerError

ParseBytes = Callable[..., Any]


def _parquet(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


TABLE = pa.table(
    {
        "Id": [1, 2, 3],
        "nested value": pa.array([[{"a": 1}], [], None], pa.list_(pa.struct([("a", pa.int32())]))),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
)


def test_nested_types_and_values_are_kept(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_parquet(TABLE), "parquet")
    assert parsed.table.column_names == ["id", "nested_value", "kind"]
    assert [list(row.values()) for row in parsed.table.to_pylist()] == [list(row.values()) for row in TABLE.to_pylist()]
    assert parsed.report["tables"][0]["columns"][0]["source_name"] == "Id"


@pytest.mark.parametrize("cut", [5, 20, 100])
def test_a_file_cut_short_is_called_truncated(cut: int, parse_bytes: ParseBytes) -> None:
    data = _parquet(TABLE)
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data[: len(data) - cut], "parquet")
    assert refusal.value.code == "truncated_parquet"


def test_a_flipped_byte_in_a_page_is_found_by_its_checksum(parse_bytes: ParseBytes) -> None:
    table = pa.table({"text": [f"some value {number}" for number in range(2000)]})
    data = bytearray(_parquet(table, write_page_checksum=True, compression="none", use_dictionary=False))
    data[len(data) // 3] ^= 0xFF
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(bytes(data), "parquet")
    assert refusal.value.code == "corrupt_file"


def test_text_that_is_not_utf8_is_refused(parse_bytes: ParseBytes) -> None:
    raw = pa.array([b"fine", b"\xff\xfe"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_parquet(pa.table({"t": text})), "parquet")
    assert refusal.value.code == "corrupt_file"


def test_an_encrypted_file_says_so(corpus: Path, parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(b"PARE" + b"\0" * 40 + b"PARE", "parquet")
    assert refusal.value.code == "encrypted_parquet"


def test_what_is_not_parquet_at_all_is_corrupt(parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(b"a,b\n1,2\n" * 10, "parquet")
    assert refusal.value.code == "corrupt_file"


def test_a_column_of_nulls_alone_is_text(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_parquet(pa.table({"n": pa.nulls(3)})), "parquet")
    assert parsed.table.schema.field("n").type == pa.string()
    assert parsed.table.column("n").null_count == 3


def test_a_file_without_rows_is_a_table_without_rows(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_parquet(TABLE.slice(0, 0)), "parquet")
    assert parsed.table.num_rows == 0
    assert parsed.report["tables"][0]["n_rows"] == 0
