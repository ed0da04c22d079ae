"""What is inside compressed streams and archives, and what their names claim."""

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform_formats.detection import Detection, Observation, UnacceptableError, detect
from dataplatform_formats.detection.outcome import REASONS
from dataplatform_formats.detection.peel import HEAD_BYTES
from dataplatform_formats.streams import DAMAGE, Stream, open_stream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CSV = b"a,b\n1,2\n"
PACKERS: dict[Stream, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
EVERY_STREAM = pytest.mark.parametrize("stream", PACKERS)


def found(content: bytes, name: str | None = None) -> Detection:
    observation = Observation()
    observation.feed(content)
    observation.finish()
    return detect(observation, io.BytesIO(content), name)


def refused(content: bytes) -> str:
    with pytest.raises(UnacceptableError) as caught:
        found(content)
    assert caught.value.code in REASONS
    return caught.value.code


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return sink.getvalue()


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as target:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def workbook() -> bytes:
    sink = io.BytesIO()
    book = openpyxl.Workbook()
    book.create_sheet("second")["A1"] = 1
    book.save(sink)
    return sink.getvalue()


def parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    draw = random.Random(1)
    pq.write_table(pa.table({"a": [draw.random() for _ in range(rows)]}), sink)
    return sink.getvalue()


class TestStreams:
    @EVERY_STREAM
    def test_the_format_is_that_of_what_is_inside(self, stream: Stream) -> None:
        pack = PACKERS[stream]
        assert found(pack(CSV)) == Detection("csv", "utf-8", compression=stream)
        assert found(pack(parquet(10))) == Detection("parquet", compression=stream)
        assert found(pack(workbook())) == Detection("xlsx", compression=stream)
        assert found(pack(zipped({"a.csv": CSV}))) == Detection("archive", compression=stream)
        assert found(pack(tarred({"a.csv": CSV}))) == Detection("archive", compression=stream)
        assert found(pack(pack(CSV))) == Detection("archive", compression=stream)

    def test_what_is_longer_than_the_head_is_judged_by_it(self) -> None:
        long = b"Stra\xdfe;1\n" * (HEAD_BYTES // 5)
        assert found(gzip.compress(long)).encoding is None
        assert found(gzip.compress("Straße;1\n".encode() * (HEAD_BYTES // 5))) == Detection("csv", None, 0.9, "gzip")
        assert found(gzip.compress(parquet(400_000))) == Detection("parquet", None, 0.9, "gzip")
        assert found(gzip.compress(b"%PDF-1.4\n" + bytes(2 * HEAD_BYTES))) == Detection("pdf", None, 0.9, "gzip")
        assert found(gzip.compress(b"\x09\x00\x04\x00" + bytes(2 * HEAD_BYTES))).format == "xls"

    def test_the_head_of_a_long_zip_tells_workbooks_from_archives(self) -> None:
        noise = random.Random(2).randbytes(2 * HEAD_BYTES)
        assert found(gzip.compress(zipped({"[Content_Types].xml": b"", "xl/media/a.png": noise}))).format == "xlsx"
        assert found(gzip.compress(zipped({"xl/workbook.bin": b"", "xl/x.bin": noise}))).format == "xlsb"
        kind = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}
        assert found(gzip.compress(zipped({**kind, "content.xml": noise}, zipfile.ZIP_STORED))).format == "ods"
        assert found(gzip.compress(zipped({"a.csv": noise}))) == Detection("archive", None, 0.9, "gzip")

    def test_a_character_cut_at_the_end_of_the_head_is_no_error(self) -> None:
        long = b"x" + "é".encode() * HEAD_BYTES
        assert found(gzip.compress(long)) == Detection("csv", None, 0.9, "gzip")

    @EVERY_STREAM
    def test_a_stream_that_is_cut_off_or_damaged_is_refused(self, stream: Stream) -> None:
        packed = PACKERS[stream](random.Random(3).randbytes(3000).hex().encode())
        assert refused(packed[: len(packed) // 2]) == "damaged_archive"
        assert refused(packed[:-1]) == "damaged_archive"

    @EVERY_STREAM
    def test_a_stream_of_nothing_is_empty(self, stream: Stream) -> None:
        assert refused(PACKERS[stream](b"")) == "empty_file"

    def test_what_is_inside_is_refused_for_its_own_reason(self) -> None:
        assert refused(gzip.compress(b'{"a": 1}')) == "unsupported_format"
        assert refused(gzip.compress(b"PARE" + bytes(100) + b"PARE")) == "encrypted_parquet"
        assert refused(gzip.compress(b"PARE" + bytes(2 * HEAD_BYTES))) == "encrypted_parquet"
        assert refused(gzip.compress(b"7z\xbc\xaf\x27\x1c" + bytes(100))) == "unsupported_compression"
        assert refused(gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(2 * HEAD_BYTES))) == "unsupported_format"

    def test_a_bomb_costs_no_more_than_its_head(self) -> None:
        bomb = bz2.compress(bytes(200_000_000), 9)
        assert refused(bomb) == "unknown_format"

    def test_a_stream_that_asks_for_a_huge_window_is_refused(self) -> None:
        frame = b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + struct.pack("<I", 1 | 3 << 3)[:3] + b"a,b"
        assert refused(frame) == "damaged_archive"
        header = bytearray(lzma.compress(CSV, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
        size = (header[12] + 1) * 4
        header[header.index(b"\x21\x01", 12) + 2] = 37  # stands for 1.5 GiB
        header[8 + size : 12 + size] = struct.pack("<I", zlib.crc32(header[12 : 8 + size]))
        with pytest.raises(lzma.LZMAError, match="limit"):
            open_stream(io.BytesIO(bytes(header)), "xz").read()
        assert refused(bytes(header)) == "damaged_archive"

    def test_a_text_that_begins_like_bzip2_is_a_text(self) -> None:
        assert found(b"BZh9,b\n1,2\n").format == "csv"

    @pytest.mark.parametrize("magic", [b"\x04\x22\x4d\x18", b"Rar!\x1a\x07\x01\x00", b"7z\xbc\xaf\x27\x1c"])
    def test_kinds_that_are_not_opened_here(self, magic: bytes) -> None:
        assert refused(magic + bytes(100)) == "unsupported_compression"


class TestReaders:
    @EVERY_STREAM
    def test_streams_behind_each_other_are_one_content(self, stream: Stream) -> None:
        pack = PACKERS[stream]
        with open_stream(io.BytesIO(pack(b"first ") + pack(b"") + pack(b"second")), stream) as plain:
            assert plain.read() == b"first second"

    @pytest.mark.parametrize("stream", ["gzip", "xz"])
    def test_padding_behind_a_stream_is_none_of_it(self, stream: Stream) -> None:
        assert open_stream(io.BytesIO(PACKERS[stream](CSV) + bytes(70_000)), stream).read() == CSV

    def test_a_frame_without_data_in_front_is_skipped(self) -> None:
        skipped = b"\x52\x2a\x4d\x18" + struct.pack("<I", 4) + b"note"
        assert found(skipped + zstd.compress(CSV)) == Detection("csv", "utf-8", compression="zstd")

    @EVERY_STREAM
    @given(content=st.binary(max_size=200_000), size=st.integers(1, 100_000))
    @settings(max_examples=20, deadline=None)
    def test_any_bytes_come_back_in_pieces_of_any_size(self, stream: Stream, content: bytes, size: int) -> None:
        plain = open_stream(io.BytesIO(PACKERS[stream](content)), stream)
        assert b"".join(iter(lambda: plain.read(size), b"")) == content

    @EVERY_STREAM
    @given(data=st.data())
    @settings(max_examples=60, deadline=None)
    def test_damage_is_one_of_the_known_errors(self, stream: Stream, data: st.DataObject) -> None:
        packed = bytearray(PACKERS[stream](b"some text, " * 300))
        for _ in range(data.draw(st.integers(1, 4))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        try:
            outcome: object = open_stream(io.BytesIO(bytes(packed)), stream).read(1 << 20)
        except DAMAGE as error:
            outcome = error
        assert isinstance(outcome, (bytes, DAMAGE))


class TestArchives:
    def test_zip_and_tar_are_archives(self) -> None:
        assert found(zipped({"a.csv": CSV, "b/c.csv": CSV})) == Detection("archive", compression="zip")
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
            assert found(tarred({"a.csv": CSV}, form)) == Detection("archive", compression="tar")

    def test_a_tar_from_before_the_magic_is_known_by_its_checksum(self) -> None:
        header = bytearray(tarred({"a.csv": CSV}, tarfile.USTAR_FORMAT))
        header[257:265] = bytes(8)
        header[148:156] = b" " * 8
        header[148:155] = b"%06o\0" % sum(header[:512])
        assert found(bytes(header)) == Detection("archive", compression="tar")

    @pytest.mark.parametrize("text", [b"x" * 600, b"1234567,1,1\n" * 60, (b"0" * 148 + b"0001234\0").ljust(600, b"0")])
    def test_a_text_is_no_tar(self, text: bytes) -> None:
        assert not isinstance(found(text.replace(b"\0", b" ")).compression, str)

    def test_an_archive_without_files_is_empty(self) -> None:
        assert refused(zipped({})) == "empty_file"
        assert refused(zipped({"folder/": b""})) == "empty_file"

    def test_only_an_archive_of_which_nothing_can_be_read_is_encrypted(self) -> None:
        whole, part = bytearray(zipped({"a.csv": CSV})), bytearray(zipped({"a.csv": CSV, "b.csv": CSV}))
        for content in (whole, part):
            place = content.index(b"PK\x01\x02")
            content[place + 8] |= 1
        assert refused(bytes(whole)) == "encrypted_archive"
        assert found(bytes(part)).format == "archive"

    def test_a_directory_that_claims_the_impossible_is_refused(self) -> None:
        content = bytearray(zipped({"a.csv": CSV}))
        place = content.index(b"PK\x01\x02")
        content[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFF0)
        assert refused(bytes(content)) == "oversized_archive"

    def test_media_types_are_those_of_the_wrapper(self) -> None:
        assert found(gzip.compress(CSV)).media_type == "application/gzip"
        assert found(tarred({"a.csv": CSV})).media_type == "application/x-tar"
        assert found(CSV).media_type == "text/csv"

    def test_parts_of_a_shapefile_are_known(self) -> None:
        assert refused(b"\x00\x00\x27\x0a" + bytes(96)) == "unsupported_format"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", CSV),
            ("A.CSV ", CSV),
            ("readings.txt", CSV),
            ("readings", CSV),
            ("readings.2024", CSV),
            ("v1.final version of it", CSV),
            ("a.csv.gz", gzip.compress(CSV, mtime=0)),
            ("a.gz", gzip.compress(CSV, mtime=0)),
            ("a.tar.gz", gzip.compress(tarred({"a.csv": CSV}), mtime=0)),
            ("a.tgz", gzip.compress(tarred({"a.csv": CSV}), mtime=0)),
            ("a.zip", zipped({"a.csv": CSV})),
            ("a.xlsx", workbook()),
        ],
    )
    def test_a_name_that_is_right_or_claims_nothing(self, name: str, content: bytes) -> None:
        assert found(content, name).name_mismatch is None

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("a.xls", CSV, "the name ends in .xls, the content is csv"),
            ("a.csv", workbook(), "the name ends in .csv, the content is xlsx"),
            ("a.xls", workbook(), "the name ends in .xls, the content is xlsx"),
            ("a.csv.gz", CSV, "the name ends in .gz, the content is csv"),
            ("a.parquet.gz", gzip.compress(CSV, mtime=0), "the name ends in .parquet, the content is csv in gzip"),
            ("a.csv.gz", gzip.compress(tarred({"a": CSV}), mtime=0), None),
            ("a.json", CSV, "the name ends in .json, the content is csv"),
            ("a.csv", gzip.compress(CSV, mtime=0), None),
            ("a.zip", gzip.compress(CSV, mtime=0), "the name ends in .zip, the content is csv in gzip"),
        ],
    )
    def test_a_name_that_claims_something_else_is_reported_not_obeyed(
        self, name: str, content: bytes, sentence: str | None
    ) -> None:
        detection = found(content, name)
        assert detection.name_mismatch == sentence
        assert detection.format == found(content).format

    def test_a_refusal_does_not_depend_on_the_name(self) -> None:
        with pytest.raises(UnacceptableError) as caught:
            found(b'{"a": 1}', "a.csv")
        assert caught.value.code == "unsupported_format"
