"""Archives of any files: what is in them becomes tables, or is named with the reason; bombs end."""

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing_svc.archives.members import shown
from processing_svc.archives.names import is_clutter, partition_of, stem_of
from processing_svc.archives.schemas import common_type
from processing_svc.handlers.interface import HandlerError
from processing_svc.parse import attempt

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ParseBytes = Callable[..., Any]
CSV = b"id,name\n1,ant\n2,bee\n"


def zipped(members: dict[str, bytes] | Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as target:
        for name, content in members.items() if isinstance(members, dict) else members:
            target.writestr(zipfile.ZipInfo(name), content, method)
    return sink.getvalue()


def rezipped(name: str, content: bytes, method: int, packed: bytes) -> bytes:
    """Make a zip whose member is packed by a method that `zipfile` does not write."""
    data = bytearray(zipped({name: packed}, zipfile.ZIP_STORED))
    fields = struct.pack("<III", zlib.crc32(content), len(packed), len(content))
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + place
        data[at : at + 2] = struct.pack("<H", method)
        data[at + 6 : at + 18] = fields
    return bytes(data)


def tarred(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as target:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def workbook() -> bytes:
    sink = io.BytesIO()
    book = openpyxl.Workbook()
    sheet = book.create_sheet("numbers")
    for row in [["id", "x"], [1, 2.5], [2, 3.5]]:
        sheet.append(row)
    book.save(sink)
    return sink.getvalue()


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def reasons(parsed: Any) -> dict[str, str]:
    return {part["source"].get("member", ""): part["reason_code"] for part in parsed.report["unextracted"]}


def members(parsed: Any) -> list[str]:
    return [table["source"]["member"] for table in parsed.report["tables"]]


@pytest.fixture
def refusal(parse_bytes: ParseBytes) -> Callable[..., HandlerError]:
    def run(data: bytes, **argument: Any) -> HandlerError:
        with pytest.raises(HandlerError) as caught:
            parse_bytes(data, "archive", **argument)
        return caught.value

    return run


class TestMembers:
    @pytest.mark.parametrize("pack", [zipped, tarred])
    def test_every_file_gives_its_tables_and_says_where_they_are_from(
        self, pack: Callable[[dict[str, bytes]], bytes], parse_bytes: ParseBytes
    ) -> None:
        parsed = parse_bytes(pack({"a.csv": CSV, "deep/b.xlsx": workbook(), "c.parquet": parquet(x=[1])}), "archive")
        assert members(parsed) == ["a.csv", "deep/b.xlsx", "c.parquet"]
        assert [table["name"] for table in parsed.report["tables"]] == ["a", "deep/b numbers", "c"]
        assert parsed.tables[0].to_pylist() == [{"id": 1, "name": "ant"}, {"id": 2, "name": "bee"}]
        assert parsed.report["metadata"]["member_count"] == 3
        formats = [member["format"] for member in parsed.report["metadata"]["members"]]
        assert formats == ["csv", "xlsx", "parquet"]
        assert reasons(parsed) == {"deep/b.xlsx": "empty_sheet"}

    def test_what_operating_systems_leave_behind_is_no_file(self, parse_bytes: ParseBytes) -> None:
        clutter = ["__MACOSX/._a.csv", ".DS_Store", "x/Thumbs.db", "folder/", "x/desktop.ini", "_SUCCESS", ".a.csv.crc"]
        parsed = parse_bytes(zipped({"a.csv": CSV, **dict.fromkeys(clutter, b"x")}), "archive")
        assert (len(parsed.tables), reasons(parsed)) == (1, {})
        assert (parsed.report["metadata"]["member_count"], parsed.report["metadata"]["ignored_count"]) == (1, 6)

    def test_what_gives_no_table_is_named_with_its_reason(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(
            zipped({
                "a.csv": CSV, "b.json": b'{"a": 1}', "c.bin": b"\0\1\2" * 99, "empty.csv": b"",
                "d.png": b"\x89PNG\r\n\x1a\n", "cut.parquet": parquet(x=[1])[:-9], "e.7z": b"7z\xbc\xaf\x27\x1c\0\0",
            }),
            "archive",
        )  # fmt: skip
        assert members(parsed) == ["a.csv"]
        assert reasons(parsed) == {
            "b.json": "unsupported_format", "c.bin": "unknown_format", "empty.csv": "empty_file",
            "d.png": "unsupported_format", "cut.parquet": "truncated_parquet", "e.7z": "unsupported_compression",
        }  # fmt: skip

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_every_method_of_zip_is_read(self, method: int, parse_bytes: ParseBytes) -> None:
        long = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(50_000))
        parsed = parse_bytes(zipped({"a.csv": CSV, "b.csv": long}, method), "archive")
        assert [table.num_rows for table in parsed.tables] == [2, 50_000]

    @pytest.mark.parametrize(("method", "pack"), [(93, zstd.compress), (95, lzma.compress)])
    def test_methods_that_other_writers_use_are_read(
        self, method: int, pack: Callable[[bytes], bytes], parse_bytes: ParseBytes
    ) -> None:
        assert members(parse_bytes(rezipped("a.csv", CSV, method, pack(CSV)), "archive")) == ["a.csv"]
        damaged = rezipped("a.csv", CSV + b"!", method, pack(CSV))
        with pytest.raises(HandlerError) as caught:
            parse_bytes(damaged, "archive")
        assert caught.value.code == "corrupt_file"

    def test_compressed_members_are_unpacked_on_the_way(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(zipped({"a.csv.gz": gzip.compress(CSV), "b.csv.bz2": bz2.compress(CSV)}), "archive")
        assert members(parsed) == ["a.csv.gz", "b.csv.bz2"]
        assert [table.num_rows for table in parsed.tables] == [2, 2]

    def test_archives_in_archives_and_streams_are_opened(self, parse_bytes: ParseBytes) -> None:
        inner = tarred({"x/a.csv": CSV})
        data = gzip.compress(tarred({"inner.tar.gz": gzip.compress(inner), "other.zip": zipped({"b.csv": CSV})}))
        parsed = parse_bytes(data, "archive")
        assert members(parsed) == ["inner.tar.gz/x/a.csv", "other.zip/b.csv"]

    def test_a_stream_in_a_stream_is_one_file(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(gzip.compress(gzip.compress(CSV)), "archive", name="ants.csv")
        assert parsed.table.num_rows == 2
        assert parsed.report["tables"][0]["name"] == "ants"

    def test_the_dialect_of_an_only_member_is_that_of_the_archive(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(zipped({"a.csv": CSV}), "archive")
        assert parsed.report["metadata"]["members"][0]["handler"] == "csv"

    def test_a_name_that_claims_something_else_is_reported(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(zipped({"a.xls": CSV}), "archive")
        assert parsed.findings["name_mismatch"] == 1

    def test_a_shapefile_is_named_as_one_with_all_that_belongs_to_it(self, parse_bytes: ParseBytes) -> None:
        shape = b"\x00\x00\x27\x0a" + bytes(96)
        files = {"r/a.shp": shape, "r/a.shx": shape, "r/a.dbf": b"x" * 40, "r/a.prj": b"GEOGCS[1]", "r/A.cpg": b"UTF-8"}
        parsed = parse_bytes(zipped({**files, "r/b.csv": CSV}), "archive")
        assert members(parsed) == ["r/b.csv"]
        assert set(reasons(parsed).values()) == {"unsupported_format"}
        assert len(reasons(parsed)) == 5

    def test_options_reach_the_members(self, parse_bytes: ParseBytes) -> None:
        data = zipped({"a.xlsx": workbook()})
        parsed = parse_bytes(data, "archive", options={"sheet": "numbers"})
        assert parsed.table.num_rows == 2

    def test_the_same_archive_gives_the_same_bytes(self, parse_bytes: ParseBytes, tmp_path: Path) -> None:
        data = zipped({"a/k=1/x.parquet": parquet(v=[1]), "a/k=2/x.parquet": parquet(v=[2])})
        first = (
            [path.read_bytes() for path in sorted((tmp_path / "out").glob("*"))] if parse_bytes(data, "archive") else []
        )
        parse_bytes(data, "archive")
        assert [path.read_bytes() for path in sorted((tmp_path / "out").glob("*"))] == first
        assert list((tmp_path / "scratch").glob("members-*")) == []


class TestNames:
    HOSTILE = ("../../../etc/passwd.csv", "/etc/cron.d/a.csv", "C:\\windows\\a.csv", "a\nb.csv", "x" * 60_000 + ".csv")

    def test_hostile_names_are_data(self, parse_bytes: ParseBytes, tmp_path: Path) -> None:
        parsed = parse_bytes(zipped(dict.fromkeys(self.HOSTILE, CSV)), "archive")
        assert len(parsed.tables) == len(self.HOSTILE)
        assert members(parsed)[0] == "../../../etc/passwd.csv"
        assert members(parsed)[3] == "a\ufffdb.csv"
        assert max(map(len, members(parsed))) <= 1024
        made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
        assert made == {"original", "scratch", "out"}

    def test_long_names_in_tar_are_cut(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(tarred({"y" * 100_000 + ".csv": CSV}), "archive")
        assert len(members(parsed)[0]) == 1001

    def test_long_names_in_each_other_are_cut_together(self, parse_bytes: ParseBytes) -> None:
        inner = tarred({"x" * 900 + ".csv": CSV, "k=1/" + "z" * 990 + ".csv": CSV, "k=2/" + "z" * 990 + ".csv": CSV})
        parsed = parse_bytes(tarred({"y" * 900 + ".tar": inner}), "archive")
        assert len(parsed.tables) == 2
        assert all(900 < len(member) <= 1001 for member in members(parsed))

    def test_a_tar_header_that_asks_for_much_memory_is_refused(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(tarred({"a.csv": CSV, "z" * 20_000_000: CSV}), "archive")
        assert members(parsed) == ["a.csv"]
        assert reasons(parsed) == {"": "oversized_archive"}

    def test_the_same_name_twice_and_names_that_clash_without_case(self, parse_bytes: ParseBytes) -> None:
        with pytest.warns(UserWarning, match="Duplicate"):
            data = zipped([("a.csv", CSV), ("a.csv", CSV), ("A.CSV", CSV)])
        parsed = parse_bytes(data, "archive")
        assert members(parsed) == ["a.csv", "a.csv", "A.CSV"]
        counts = [table["finding_counts"].get("duplicate_member", 0) for table in parsed.report["tables"]]
        assert counts == [0, 1, 0]

    def test_links_and_devices_are_never_followed(self, parse_bytes: ParseBytes) -> None:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as target:
            for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE)):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, "/etc/passwd"
                target.addfile(info)
            info = tarfile.TarInfo("a.csv")
            info.size = len(CSV)
            target.addfile(info, io.BytesIO(CSV))
        assert reasons(parse_bytes(sink.getvalue(), "archive")) == dict.fromkeys(
            ("link", "hard", "pipe"), "unsupported_member"
        )
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = 0o120777 << 16
        zip_sink = io.BytesIO()
        with zipfile.ZipFile(zip_sink, "w") as archive:
            archive.writestr(link, "/etc/passwd")
            archive.writestr("a.csv", CSV)
        assert reasons(parse_bytes(zip_sink.getvalue(), "archive")) == {"link.csv": "unsupported_member"}

    def test_utf8_names_that_do_not_say_so(self, parse_bytes: ParseBytes) -> None:
        name = "größe.csv"
        data = zipped({"gr__e__.csv": CSV}).replace(b"gr__e__.csv", name.encode())
        assert members(parse_bytes(data, "archive")) == [name]
        assert shown("caf\udce9.csv") == "caf?.csv"

    @pytest.mark.parametrize(
        ("name", "stem"),
        [("a/b.csv.gz", "a/b"), ("b.2020.csv", "b.2020"), ("README", "README"), (".csv", ".csv"), ("v1.2", "v1.2")],
    )
    def test_tables_are_named_without_extensions(self, name: str, stem: str) -> None:
        assert stem_of(name) == stem

    def test_partitions_are_read_from_folders(self) -> None:
        assert partition_of("t/year=2024/city=K%C3%B6ln/p.csv") == ("t", {"year": "2024", "city": "Köln"})
        assert partition_of("a=1/b/c.csv") == ("a=1/b", {})
        assert partition_of("a=__HIVE_DEFAULT_PARTITION__/c.csv") == ("", {"a": None})
        assert is_clutter("__MACOSX/x/._a")
        assert not is_clutter("data/.hidden.csv")


class TestParts:
    def test_hive_partitions_are_one_table_with_their_columns(self, parse_bytes: ParseBytes) -> None:
        data = zipped({
            "sales/year=2023/month=01/part-0.parquet": parquet(v=[1, 2]),
            "sales/year=2023/month=02/part-0.parquet": parquet(v=[3]),
            "sales/year=2024/month=__HIVE_DEFAULT_PARTITION__/part-0.parquet": parquet(v=[4]),
            "sales/_SUCCESS": b"",
        })  # fmt: skip
        parsed = parse_bytes(data, "archive")
        assert parsed.table.to_pydict() == {
            "v": [1, 2, 3, 4], "year": [2023, 2023, 2023, 2024], "month": ["01", "01", "02", None],
        }  # fmt: skip
        report = parsed.report["tables"][0]
        assert (report["name"], report["source"]["member"]) == ("sales", "sales/year=*/month=*/*")
        assert [column.get("inferred_type") for column in report["columns"]][1:] == ["partition", "partition"]
        assert [item["detail"] for item in report["findings"] if item["kind"] == "part"] == [
            "rows 1 to 2", "rows 3 to 3", "rows 4 to 4",
        ]  # fmt: skip

    def test_hive_partitions_of_text_widen_their_types_together(self, parse_bytes: ParseBytes) -> None:
        data = zipped({
            "day=2024-01-01/a.csv": b"id,x,note\n1,2,\n",
            "day=2024-01-02/a.csv": b"id,x,note\n2,2.5,late\n",
        })  # fmt: skip
        parsed = parse_bytes(data, "archive", name="readings")
        assert parsed.table.to_pydict() == {
            "id": [1, 2], "x": [2.0, 2.5], "note": [None, "late"], "day": [date(2024, 1, 1), date(2024, 1, 2)],
        }  # fmt: skip
        assert parsed.report["tables"][0]["name"] == "readings"
        assert parsed.findings["schema_difference"] == 1

    def test_a_column_that_is_empty_in_every_partition_is_text_without_values(self, parse_bytes: ParseBytes) -> None:
        data = zipped({f"day={day}/a.csv": b"id,note\n1,\n2,\n" for day in (1, 2)})
        parsed = parse_bytes(data, "archive")
        assert parsed.table.column("note").to_pylist() == [None] * 4
        assert parsed.table.schema.field("note").type == pa.string()

    def test_a_single_partition_keeps_its_column(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(zipped({"t/k=7/a.csv": CSV}), "archive")
        assert parsed.table.column("k").to_pylist() == [7, 7]

    def test_a_column_that_the_files_have_themselves_is_kept(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(zipped({"k=1/a.parquet": parquet(k=["one"])}), "archive")
        assert parsed.table.to_pydict() == {"k": ["one"]}
        assert parsed.findings["partition_in_file"] == 1

    def test_parquet_of_one_schema_in_one_folder_is_one_table(self, parse_bytes: ParseBytes) -> None:
        data = zipped(
            {"d/x.parquet": parquet(v=[1]), "d/y.parquet": parquet(v=[2]), "d/z.parquet": parquet(w=["other"])}
        )
        parsed = parse_bytes(data, "archive")
        assert [table.to_pydict() for table in parsed.tables] == [{"v": [1, 2]}, {"w": ["other"]}]
        assert [table["name"] for table in parsed.report["tables"]] == ["d", "d/z.parquet"]

    def test_text_files_side_by_side_stay_apart_unless_named_as_parts(self, parse_bytes: ParseBytes) -> None:
        assert len(parse_bytes(zipped({"2020.csv": CSV, "2021.csv": CSV}), "archive").tables) == 2
        parsed = parse_bytes(zipped({"part-00000.csv": CSV, "part-00001.csv": CSV}), "archive")
        assert parsed.table.num_rows == 4

    def test_differences_between_parts_are_reported(self, parse_bytes: ParseBytes) -> None:
        data = zipped({
            "part-0.parquet": parquet(a=pa.array([1], pa.int32()), b=["x"]),
            "part-1.parquet": parquet(b=["y"], a=pa.array([2], pa.int64()), c=[True]),
            "part-2.parquet": parquet(a=pa.array([3], pa.int32())),
        })  # fmt: skip
        parsed = parse_bytes(data, "archive")
        assert parsed.table.to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", None], "c": [None, True, None]}
        found = [(item["position"], item["detail"]) for item in parsed.report["tables"][0]["findings"]
                 if item["kind"] == "schema_difference"]  # fmt: skip
        assert ("part-0.parquet", "the column 'c' is missing; it is null there") in found
        assert ("part-2.parquet", "the column 'a' is int32 there and int64 in the table") in found
        assert ("part-1.parquet", "the columns are in another order") in found

    def test_parts_that_have_nothing_in_common_stay_apart(self, parse_bytes: ParseBytes) -> None:
        data = zipped({"part-0.parquet": parquet(a=[1]), "part-1.parquet": parquet(a=["text"])})
        assert [table.num_rows for table in parse_bytes(data, "archive").tables] == [1, 1]

    def test_a_damaged_part_is_named_and_the_others_are_one_table(self, parse_bytes: ParseBytes) -> None:
        text = pa.array([b"\xff\xfe"], pa.binary()).buffers()
        broken = parquet(t=pa.Array.from_buffers(pa.string(), 1, text))
        data = zipped({"k=1/a.parquet": parquet(t=["x"]), "k=2/a.parquet": broken, "k=3/a.parquet": parquet(t=["z"])})
        parsed = parse_bytes(data, "archive")
        assert parsed.table.to_pydict() == {"t": ["x", "z"], "k": [1, 3]}
        assert reasons(parsed) == {"k=2/a.parquet": "corrupt_file"}

    def test_whole_numbers_that_a_double_would_change_are_not_changed(self, parse_bytes: ParseBytes) -> None:
        data = zipped({"part-0.parquet": parquet(a=[0.5]), "part-1.parquet": parquet(a=[2**53 + 1])})
        parsed = parse_bytes(data, "archive")
        assert parsed.table.to_pydict() == {"a": [0.5]}
        assert reasons(parsed) == {"part-1.parquet": "schema_conflict"}

    def test_members_of_other_formats_among_parts_are_read_for_themselves(self, parse_bytes: ParseBytes) -> None:
        data = zipped({"part-0.csv": CSV, "part-1.csv": workbook(), "part-2.csv": CSV, "part-3.csv": b""})
        parsed = parse_bytes(data, "archive")
        assert sorted(table.num_rows for table in parsed.tables) == [2, 4]
        assert reasons(parsed)["part-3.csv"] == "empty_file"

    @pytest.mark.parametrize(
        ("one", "other", "common"),
        [
            (pa.int8(), pa.int64(), pa.int64()),
            (pa.uint8(), pa.int8(), pa.int16()),
            (pa.uint64(), pa.int8(), pa.decimal128(20, 0)),
            (pa.float32(), pa.int16(), pa.float64()),
            (pa.decimal128(5, 2), pa.decimal128(9, 4), pa.decimal128(9, 4)),
            (pa.decimal128(38, 2), pa.decimal128(38, 4), None),
            (pa.string(), pa.large_string(), pa.large_string()),
            (pa.date32(), pa.timestamp("ms"), pa.timestamp("ms")),
            (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ns")),
            (pa.timestamp("us", "UTC"), pa.timestamp("us"), None),
            (pa.null(), pa.string(), pa.string()),
            (pa.string(), pa.int64(), None),
            (pa.list_(pa.int32()), pa.list_(pa.int32()), pa.list_(pa.int32())),
        ],
    )
    def test_types_widen_only_where_no_value_can_change(self, one: Any, other: Any, common: Any) -> None:
        assert common_type(one, other) == common
        assert common_type(other, one) == common


def quine() -> bytes:
    """Make a zip that holds a zip, ten deep."""
    data = zipped({"a.csv": CSV})
    for _ in range(10):
        data = zipped({"again.zip": data})
    return data


def layered() -> bytes:
    """Make a small archive that unpacks to 64 GB: sixteen archives of sixteen files of zeros."""
    zeros = zipped({"0.bin": bytes(4_000_000)})
    for _ in range(3):
        zeros = zipped({f"{number:x}.zip": zeros for number in range(16)})
    return zeros


class TestLimits:
    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_bomb_is_refused_in_bounded_time_and_memory(
        self, method: int, refusal: Callable[..., HandlerError]
    ) -> None:
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", method) as archive, archive.open("a.csv", "w") as member:
            for _ in range(80):
                member.write(b"0" * 1_000_000)
        refusal(CSV)  # imports what is needed
        tracemalloc.start()
        began = time.process_time()
        assert refusal(bomb.getvalue()).code == "decompression_limit_exceeded"
        assert time.process_time() - began < 10
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()

    def test_a_layered_bomb_is_refused(self, refusal: Callable[..., HandlerError]) -> None:
        began = time.process_time()
        assert refusal(layered()).code == "decompression_limit_exceeded"
        assert time.process_time() - began < 20

    def test_gzip_in_gzip_does_not_escape_the_ratio(self, refusal: Callable[..., HandlerError]) -> None:
        assert refusal(gzip.compress(gzip.compress(b"0" * 100_000_000))).code == "decompression_limit_exceeded"

    def test_what_contains_itself_ends(self, refusal: Callable[..., HandlerError]) -> None:
        assert refusal(quine()).code == "nesting_limit_exceeded"
        stream = CSV
        for _ in range(10):
            stream = gzip.compress(stream)
        assert refusal(stream).code == "nesting_limit_exceeded"

    def test_too_many_files_are_refused_by_their_number(self, refusal: Callable[..., HandlerError]) -> None:
        data = zipped({f"{number}.csv": b"" for number in range(50)})
        assert refusal(data, budget={"members": 40}).code == "too_many_members"
        assert refusal(tarred({f"{n}.csv": b"" for n in range(50)}), budget={"members": 40}).code == "too_many_members"

    def test_tables_that_were_complete_before_a_limit_stay(self, parse_bytes: ParseBytes) -> None:
        data = zipped({f"{number}.csv": CSV for number in range(5)})
        parsed = parse_bytes(data, "archive", budget={"tables": 3})
        assert len(parsed.tables) == 3
        assert reasons(parsed) == {"": "too_many_tables"}

    def test_a_limit_of_one_member_is_that_members(self, parse_bytes: ParseBytes) -> None:
        wide = b",".join(b"c%d" % number for number in range(300)) + b"\n" + b",".join([b"1"] * 300) + b"\n"
        parsed = parse_bytes(zipped({"a.csv": CSV, "wide.csv": wide}), "archive", budget={"columns": 100})
        assert (members(parsed), reasons(parsed)) == (["a.csv"], {"wide.csv": "too_many_columns"})

    def test_a_sparse_tar_is_counted_by_what_it_unpacks_to(self, refusal: Callable[..., HandlerError]) -> None:
        info = tarfile.TarInfo("a.csv")
        info.size = 512
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[156:157] = b"S"
        header[386:410] = b"%011o\0%011o\0" % (0, 512)
        header[483:495] = b"%011o\0" % 8_000_000_000
        header[148:156] = b" " * 8
        header[148:155] = b"%06o\0" % sum(header)
        assert refusal(bytes(header) + b"0" * 512 + bytes(1024)).code == "decompression_limit_exceeded"

    def test_a_directory_larger_than_memory_is_refused(self, refusal: Callable[..., HandlerError]) -> None:
        data = bytearray(zipped({"a.csv": CSV}))
        end = data.index(b"PK\x05\x06")
        start = data.index(b"PK\x01\x02")
        entry = bytes(data[start:end])
        many = entry * (17_000_000 // len(entry))
        data[start:end] = many
        end = start + len(many)
        data[end + 8 : end + 20] = struct.pack("<HHII", 0xFFFE, 0xFFFE, len(many), start)
        assert refusal(bytes(data)).code == "oversized_archive"


class TestDamage:
    def test_an_encrypted_member_is_named_and_the_others_are_read(self, parse_bytes: ParseBytes) -> None:
        data = bytearray(zipped({"a.csv": CSV, "secret.csv": CSV}))
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        parsed = parse_bytes(bytes(data), "archive")
        assert (members(parsed), reasons(parsed)) == (["a.csv"], {"secret.csv": "encrypted_archive"})

    def test_an_encrypted_archive_says_so(self, refusal: Callable[..., HandlerError]) -> None:
        data = bytearray(zipped({"secret.csv": CSV}))
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        assert refusal(bytes(data)).code == "encrypted_archive"

    def test_a_method_that_is_not_read_is_named(self, parse_bytes: ParseBytes) -> None:
        data = bytearray(zipped({"a.csv": CSV, "odd.csv": CSV}))
        for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
            place = data.rindex(mark) + offset
            data[place : place + 2] = struct.pack("<H", 9)  # deflate64
        assert reasons(parse_bytes(bytes(data), "archive")) == {"odd.csv": "unsupported_compression"}

    def test_a_member_whose_bytes_are_wrong_is_named(self, parse_bytes: ParseBytes) -> None:
        data = bytearray(zipped({"a.csv": CSV, "bad.csv": CSV}, zipfile.ZIP_STORED))
        data[data.rindex(b"ant")] ^= 1
        assert reasons(parse_bytes(bytes(data), "archive")) == {"bad.csv": "corrupt_file"}

    def test_a_tar_that_is_cut_off_gives_what_stands_before(self, parse_bytes: ParseBytes) -> None:
        data = tarred({"a.csv": CSV, "b.csv": CSV * 1000})
        parsed = parse_bytes(data[:9000], "archive")
        assert members(parsed) == ["a.csv"]
        assert set(reasons(parsed).values()) == {"corrupt_file"}

    def test_what_is_no_archive_is_corrupt(self, refusal: Callable[..., HandlerError]) -> None:
        assert refusal(b"PK\x03\x04 and nothing more").code == "corrupt_file"
        assert refusal(zipped({})).code == "empty_file"
        assert refusal(b"").code == "corrupt_file"

    @pytest.mark.parametrize("seed", range(60))
    def test_flipped_cut_and_spliced_archives_end_in_tables_or_a_typed_refusal(self, seed: int, tmp_path: Path) -> None:
        draw = random.Random(seed)
        sources = [
            zipped({"a.csv": CSV, "k=1/b.parquet": parquet(x=[1]), "k=2/b.parquet": parquet(x=[2])}),
            zipped({"a.csv": CSV, "c.gz": gzip.compress(CSV)}),
            tarred({"a.csv": CSV, "b/c.csv": CSV * 30}),
            gzip.compress(tarred({"a.csv": CSV, "b.zip": zipped({"c.csv": CSV})})),
        ]  # fmt: skip
        data = bytearray(draw.choice(sources))
        for _ in range(draw.randint(1, 12)):
            place = draw.randrange(len(data))
            match draw.randrange(3):
                case 0:
                    data[place] = draw.randrange(256)
                case 1:
                    del data[place : place + draw.randrange(40)]
                case _:
                    data[place:place] = data[: draw.randrange(60)]
            data = data or bytearray(b"x")
        path = tmp_path / "original"
        path.write_bytes(data)
        for made in ("scratch", "out"):
            (tmp_path / made).mkdir()
        folders = {made: str(tmp_path / made) for made in ("scratch", "out")}
        report = attempt({"path": str(path), "format": "archive", **folders})
        assert report["tables"] or report["outcome"]["reason_code"]
