import base64
import io
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
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


def _varint(value: int) -> bytes:
    """Return a number as compact Thrift writes it."""
    value, found = value << 1, b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _lying(data: bytes, true: int, told: int, places: set[int]) -> tuple[bytes, int]:
    """Change some of the places where a footer says a number; return the file, and how many places there are."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    parts = data[start:-8].split(_varint(true))
    footer = parts[0]
    for place, part in enumerate(parts[1:]):
        footer += _varint(told if place in places else true) + part
    return data[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1", len(parts) - 1


NUMBERS = _parquet(
    pa.table({"a": pa.array(range(3777))}),
    compression="none",
    use_dictionary=False,
    write_statistics=False,
    store_schema=False,
)


@pytest.mark.parametrize("told", [3776, 3778, 0, 10**6, 2**40, 2**62])
def test_a_footer_that_lies_about_rows_is_refused_and_never_loses_a_row(told: int, parse_bytes: ParseBytes) -> None:
    places = _lying(NUMBERS, 3777, told, set())[1]
    assert places >= 3
    for which in [set(range(places)), *({place} for place in range(places))]:
        outcome: object
        try:
            outcome = parse_bytes(_lying(NUMBERS, 3777, told, which)[0], "parquet").table.num_rows
        except HandlerError as refusal:
            outcome = refusal.code
        assert outcome in {3777, "corrupt_file"}


def test_rows_in_more_pages_than_one_are_counted(parse_bytes: ParseBytes) -> None:
    table = pa.table({"a": range(100_000), "l": [[number] * (number % 3) for number in range(100_000)]})
    for version in ("1.0", "2.0"):
        data = _parquet(table, data_page_size=4_000, data_page_version=version, row_group_size=30_000)
        assert parse_bytes(data, "parquet").table.num_rows == 100_000


def test_a_page_that_unpacks_to_more_than_memory_is_refused_before_it_is_read(parse_bytes: ParseBytes) -> None:
    data = _parquet(pa.table({"a": ["x" * 30_000_000]}), use_dictionary=False, compression="zstd")
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data, "parquet", budget={"memory_bytes": 16 << 20})
    assert refusal.value.code == "memory_limit_exceeded"


def test_a_footer_larger_than_memory_is_refused_before_it_is_read(parse_bytes: ParseBytes) -> None:
    data = _parquet(TABLE.replace_schema_metadata({"notes": "n" * 300_000}))
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data, "parquet", budget={"memory_bytes": 1 << 20})
    assert refusal.value.code == "memory_limit_exceeded"


def test_what_the_file_says_about_itself_is_kept(parse_bytes: ParseBytes) -> None:
    field = pa.field("weight", pa.float64(), metadata={"unit": "kg", "note": "dry"})
    table = pa.table([pa.array([1.5])], schema=pa.schema([field], metadata={"title": "Fish"}))
    parsed = parse_bytes(_parquet(table), "parquet")
    assert parsed.report["metadata"]["key_values"] == {"title": "Fish"}
    assert parsed.report["metadata"]["row_groups"] == 1
    assert parsed.report["tables"][0]["columns"][0]["unit"] == "kg"
    assert parsed.table.schema.field("weight").metadata[b"note"] == b"dry"


def test_values_of_extension_types_and_dictionaries_are_kept(parse_bytes: ParseBytes) -> None:
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"], pa.binary(16)))
    kinds = pa.array(["x"]).dictionary_encode()
    parsed = parse_bytes(_parquet(pa.table({"id": uuids, "kind": kinds})), "parquet")
    assert parsed.table.to_pydict() == {"id": [b"0123456789abcdef"], "kind": ["x"]}


def test_a_file_of_every_kind_of_value_comes_back_equal(parse_bytes: ParseBytes) -> None:
    table = pa.table({
        "i8": pa.array([1, None], pa.int8()), "u64": pa.array([2**64 - 1, 0], pa.uint64()),
        "f16": pa.array([1.5, None], pa.float16()), "dec": pa.array([Decimal("1.10"), None], pa.decimal128(38, 2)),
        "ts": pa.array([1, None], pa.timestamp("ns", "UTC")), "t": pa.array([1, None], pa.time64("ns")),
        "d": pa.array([1, None], pa.date32()), "dur": pa.array([1, None], pa.duration("us")),
        "bin": pa.array([b"\x00\xff", None]), "fix": pa.array([b"ab", None], pa.binary(2)),
        "map": pa.array([[("k", [1, None])], None], pa.map_(pa.string(), pa.list_(pa.int32()))),
        "struct": pa.array([{"a": {"b": [1.0]}}, None]), "bool": [True, None], "text": ["=1+1", ""],
    })  # fmt: skip
    assert parse_bytes(_parquet(table), "parquet").table.to_pydict() == table.to_pydict()


def test_columns_encrypted_in_a_plain_footer_say_so(corpus: Path, parse_bytes: ParseBytes) -> None:
    keys = pe.KmsConnectionConfig()
    properties = pe.CryptoFactory(lambda _config: _Keys(keys)).file_encryption_properties(
        keys, pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["a"]}, plaintext_footer=True)
    )
    data = _parquet(pa.table({"a": [1]}), encryption_properties=properties)
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data, "parquet")
    assert refusal.value.code == "encrypted_parquet"


class _Keys(pe.KmsClient):
    """Wraps nothing: the tests' keys are no secret."""

    def __init__(self, _config: Any) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, _master_key_identifier: str) -> str:
        return base64.b64encode(key_bytes).decode()

    def unwrap_key(self, wrapped_key: str, _master_key_identifier: str) -> Any:
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("seed", range(150))
def test_changed_bytes_give_a_table_or_a_typed_refusal(seed: int, parse_bytes: ParseBytes) -> None:
    draw = random.Random(seed)
    data = bytearray(
        _parquet(TABLE, compression=draw.choice(["none", "snappy", "zstd"]), write_page_checksum=seed % 2 > 0)
    )
    footer = int.from_bytes(data[-8:-4], "little")
    for _ in range(draw.randint(1, 6)):
        place = len(data) - 9 - draw.randrange(footer) if draw.random() < 0.7 else draw.randrange(len(data))
        data[place] = draw.choice([draw.randrange(256), 0, 0x7F, 0x80, 0xFF])
    outcome = "table"
    try:
        parse_bytes(bytes(data), "parquet")
    except HandlerError as refusal:
        outcome = refusal.code
    assert outcome in {"table", "corrupt_file", "truncated_parquet", "encrypted_parquet", "unsupported_feature",
                       "memory_limit_exceeded", "no_tables"}  # fmt: skip
