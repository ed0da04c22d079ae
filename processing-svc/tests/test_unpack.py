import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from processing_svc.handlers.interface import Budget, HandlerError, Original
from processing_svc.unpack import unpacked

TEXT = b"a,b\n1,2\n" * 1000


def _original(tmp_path: Path, data: bytes, compression: str, **budget: int) -> Original:
    path = tmp_path / "original"
    path.write_bytes(data)
    return Original(path, "csv", tmp_path, compression=compression, budget=Budget(**budget))


@pytest.mark.parametrize(
    ("compression", "data"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("bz2", bz2.compress(TEXT)),
        ("xz", lzma.compress(TEXT)),
        ("zstd", pa.compress(TEXT, "zstd", asbytes=True)),
    ],
)
def test_every_compression_gives_the_bytes_back(compression: str, data: bytes, tmp_path: Path) -> None:
    assert unpacked(_original(tmp_path, data, compression)).read_bytes() == TEXT


@pytest.mark.parametrize(("compression", "data"), [("gzip", gzip.compress(TEXT, mtime=0)), ("xz", lzma.compress(TEXT))])
def test_cut_off_data_is_corrupt(compression: str, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(HandlerError) as refusal:
        unpacked(_original(tmp_path, data[: len(data) // 2], compression))
    assert refusal.value.code == "corrupt_file"


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    for budget in ({"ratio": 10, "free_bytes": 1000}, {"unpacked_bytes": 1_000_000}):
        with pytest.raises(HandlerError) as refusal:
            unpacked(_original(tmp_path, bomb, "gzip", **budget))
        assert refusal.value.code == "decompression_limit_exceeded"
        assert (tmp_path / "unpacked").stat().st_size <= 1_000_000


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandlerError) as refusal:
        unpacked(_original(tmp_path, TEXT, "rar"))
    assert refusal.value.code == "unsupported_compression"


def test_what_is_not_compressed_is_left_where_it_is(tmp_path: Path) -> None:
    original = _original(tmp_path, TEXT, "identity")
    assert unpacked(original) == original.path
