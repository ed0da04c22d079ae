"""Rows and downloads, from a folder and from S3: what is stored is what comes out."""

import asyncio
import csv
import gzip
import io
import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import httpx
import openpyxl
import psutil
import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.rows import ranges, workbook
from catalog_svc.rows.naming import file_stem
from catalog_svc.settings import settings
from dataplatform.events.identity import run_id, table_id
from dataplatform.problems import Problem
from dataplatform.storage import open_store

pytestmark = pytest.mark.integration

TABLE = pa.table(
    {
        "name": ["plain", "=1+1", "-2", "", None, 'has "quotes", and comma', "two\nlines"],
        "=sum": pa.array([1, 2, 3, 4, 5, 6, 2**53 + 1], pa.int64()),
        "real": [1.5, float("nan"), float("inf"), -0.0, None, 1e300, 0.1],
        "price": pa.array([Decimal("1.10"), Decimal("-2.20"), *[None] * 4, Decimal("0.00")], pa.decimal128(9, 2)),
        "day": [date(2026, 1, number) for number in range(1, 8)],
        "at": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)] * 7, pa.timestamp("us", "UTC")),
        "tags": [["a", "b"], [], None, ["=c"], None, None, None],
        "fine": pa.array([1] * 7, pa.timestamp("ns")),
        "raw": [b"\x00\xff", None, None, None, None, None, None],
    }
)  # fmt: skip


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def put(found: Any, key: str, body: bytes) -> None:
    async def run() -> None:
        async with open_store(found) as store:
            await store.put(key, pieces(body))

    asyncio.run(run())


@pytest.fixture(params=["folder", "s3"])
def stored(
    request: pytest.FixtureRequest, catalog: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The settings of an object store; the application uses it too."""
    found = settings()
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        for name, value in server.settings(server.create_bucket()).items():
            monkeypatch.setenv(f"DATAPLATFORM_{name}", value)
        settings.cache_clear()
        found = settings()
    rows_api, sql_api = import_module("catalog_svc.rows.reading"), import_module("catalog_svc.rows.sql_api")
    rows_api.engine.cache_clear()
    sql_api.runner.cache_clear()
    yield found
    rows_api.engine().close()
    rows_api.engine.cache_clear()
    sql_api.runner.cache_clear()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def published(stored: Any, inbox: ProjectionInbox, story: Any, make_reference: Any) -> Any:
    """An upload whose only table is `TABLE`, in two parts; returns (version id, table id)."""
    return publish(stored, inbox, story, make_reference, parts=2)


def publish(stored: Any, inbox: ProjectionInbox, story: Any, make_reference: Any, parts: int) -> tuple[Any, Any]:
    original = "Größe;1\n".encode()
    upload = story.upload(file_name="Größe 2026.csv")
    upload = upload.model_copy(update={"original": make_reference(upload.original.key, original)})
    put(stored, upload.original.key, original)
    started, standardized, completed = story.run(upload)
    base, references = standardized.parts[0].key.rpartition("/")[0], []
    for part in range(parts):
        sink = io.BytesIO()
        parquet.write_table(TABLE.slice(part * 4, 4) if parts > 1 else TABLE, sink)
        key = f"{base}/part-{part:05}.parquet"
        put(stored, key, sink.getvalue())
        references.append(make_reference(key, sink.getvalue()))
    update = {"parts": tuple(references), "row_count": TABLE.num_rows, "column_count": TABLE.num_columns, "name": "T/1"}
    standardized = standardized.model_copy(update=update)
    inbox.receive(story.enclose(upload, started, standardized, completed, story.assessment(upload)))
    version = run_id(upload.upload_id)
    return version, table_id(version, 0)


async def test_rows_come_in_the_order_of_the_file_and_page_by_page(client: httpx.AsyncClient, published: Any) -> None:
    path = f"/api/v1/tables/{published[1]}/rows"
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(path, params={"limit": "3", **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["row_count"] == 7
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert page["columns"] == TABLE.column_names
    assert [row["name"] for row in seen] == TABLE["name"].to_pylist()
    assert seen[6]["=sum"] == 2**53 + 1
    assert [row["real"] for row in seen] == [1.5, "nan", "inf", -0.0, None, 1e300, 0.1]
    assert seen[1]["price"] == "-2.20"
    assert seen[0]["day"] == "2026-01-01"
    assert seen[0]["at"] == "2026-01-01T12:00:00+00:00"
    assert seen[0]["tags"] == ["a", "b"]
    assert seen[0]["fine"] == "1970-01-01 00:00:00.000000001"
    assert seen[0]["raw"] == "AP8="
    far = await client.get(path, params={"offset": "1000"})
    assert (far.json()["items"], far.json()["next"]) == ([], None)


async def test_a_table_downloads_as_csv_with_formulas_defused(client: httpx.AsyncClient, published: Any) -> None:
    answer = await client.get(f"/api/v1/tables/{published[1]}/download", params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="T_1.csv"'
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["name", "'=sum", "real", "price", "day", "at", "tags", "fine", "raw"]
    names = ["plain", "'=1+1", "'-2", "", "", 'has "quotes", and comma', "two\nlines"]
    assert [row[0] for row in rows] == names
    assert [row[1] for row in rows] == ["1", "2", "3", "4", "5", "6", str(2**53 + 1)]
    assert rows[1][3] == "-2.20"
    assert rows[0][6] == '["a","b"]'
    assert rows[0][8] == "AP8="
    raw = await client.get(f"/api/v1/tables/{published[1]}/download?format=csv&escape_formulas=false")
    header, *rows = csv.reader(io.StringIO(raw.text, newline=""))
    assert (header[1], rows[1][0], rows[2][0]) == ("=sum", "=1+1", "-2")


async def test_a_table_downloads_as_a_workbook_in_which_nothing_is_a_formula(
    client: httpx.AsyncClient, published: Any
) -> None:
    answer = await client.get(f"/api/v1/tables/{published[1]}/download", params={"format": "xlsx"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="T_1.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["T_1"]
    sheet = book["T_1"]
    header, *rows = sheet.iter_rows(values_only=True)
    assert list(header) == TABLE.column_names
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr", "n", "d"}
    assert [row[0] for row in rows] == ["plain", "=1+1", "-2", None, None, 'has "quotes", and comma', "two\nlines"]
    assert [row[1] for row in rows] == [1, 2, 3, 4, 5, 6, str(2**53 + 1)]
    assert [row[2] for row in rows] == [1.5, "nan", "inf", 0, None, 1e300, 0.1]
    assert [row[3] for row in rows] == [1.1, -2.2, None, None, None, None, 0]
    assert rows[0][4:7] == (datetime(2026, 1, 1), "2026-01-01T12:00:00+00:00", '["a", "b"]')  # noqa: DTZ001
    assert rows[0][8] == "AP8="


@pytest.mark.parametrize(("rows", "columns"), [(1, 16_385), (5_000_001, 1)])
def test_what_excel_has_no_room_for_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(Problem, match="workbook_too_large"):
        workbook.require_room(rows, columns)


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    sheets = workbook._Sheets("long", ["n"], sheet_rows=4)
    sheets.add((number,) for number in range(7))
    sheets.save(tmp_path / "b.xlsx")
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    found = {sheet.title: [row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book}
    assert found == {"long": ["n", 0, 1, 2], "long (2)": ["n", 3, 4, 5], "long (3)": ["n", 6]}


def test_text_too_long_for_a_cell_is_refused_and_control_characters_are_marked() -> None:
    with pytest.raises(Problem, match="cell_too_long"):
        workbook.cell_value("x" * 32_768)
    assert workbook.cell_value("a\x00b\x0bc\td") == "a\ufffdb\ufffdc\td"


async def test_a_table_of_several_parts_downloads_as_one_parquet_file(
    client: httpx.AsyncClient, published: Any
) -> None:
    answer = await client.get(f"/api/v1/tables/{published[1]}/download")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="T_1.parquet"'
    found = parquet.read_table(io.BytesIO(answer.content))
    assert found.column_names == TABLE.column_names
    assert found["name"].to_pylist() == TABLE["name"].to_pylist()
    assert found["price"].to_pylist() == TABLE["price"].to_pylist()


async def test_a_table_of_one_part_downloads_as_it_is_stored(
    stored: Any, inbox: ProjectionInbox, story: Any, make_reference: Any, client: httpx.AsyncClient
) -> None:
    _, table = await asyncio.to_thread(publish, stored, inbox, story, make_reference, 1)
    answer = await client.get(f"/api/v1/tables/{table}/download")
    found = parquet.read_table(io.BytesIO(answer.content))
    assert found.schema.equals(TABLE.schema)
    assert found.drop(["real"]).equals(TABLE.drop(["real"]))  # NaN equals nothing
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"


async def test_the_original_comes_byte_for_byte_under_its_own_name_and_in_ranges(
    client: httpx.AsyncClient, published: Any
) -> None:
    path = f"/api/v1/versions/{published[0]}/download"
    whole = await client.get(path)
    assert whole.content == "Größe;1\n".encode()
    assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe%202026.csv"
    assert whole.headers["accept-ranges"] == "bytes"
    part = await client.get(path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, whole.content[2:5])
    assert part.headers["content-range"] == f"bytes 2-4/{len(whole.content)}"
    same = await client.get(path, headers={"Range": "bytes=-3", "If-Range": whole.headers["etag"]})
    assert same.content == whole.content[-3:]
    changed = await client.get(path, headers={"Range": "bytes=-3", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    beyond = await client.get(path, headers={"Range": "bytes=999-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")


async def test_what_is_gone_from_the_store_is_told(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, *story.run(upload), story.assessment(upload)))
    version = run_id(upload.upload_id)
    table = table_id(version, 0)
    for path in (
        f"versions/{version}/download",
        f"versions/{version}/quality",
        f"tables/{table}/download",
        f"tables/{table}/download?format=csv",
        f"tables/{table}/rows",
    ):
        answer = await client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "object_gone")


async def test_the_profile_is_given_as_quality_wrote_it(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_reference: Any, objects_folder: Path
) -> None:
    upload, body = story.upload(), b'{"tables": []}'
    assessment = story.assessment(upload)
    assessment = assessment.model_copy(update={"profile": make_reference(assessment.profile.key, body)})
    place = objects_folder / assessment.profile.key
    place.parent.mkdir(parents=True)
    place.write_bytes(body)
    inbox.receive(story.enclose(upload, *story.run(upload), assessment))
    answer = await client.get(f"/api/v1/versions/{run_id(upload.upload_id)}/quality")
    assert (answer.content, answer.headers["content-type"]) == (body, "application/json")


async def test_the_report_on_how_a_version_was_made_is_given_where_there_is_one(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_reference: Any, objects_folder: Path
) -> None:
    with_report, without, body = story.upload(number=1), story.upload(number=2), b'{"repairs": 3}'
    for upload in (with_report, without):
        *run, completed = story.run(upload)
        if upload is with_report:
            reference = make_reference(f"tables/{upload.dataset_id}/report.json", body)
            completed = completed.model_copy(update={"report": reference})
            place = objects_folder / reference.key
            place.parent.mkdir(parents=True)
            place.write_bytes(body)
        inbox.receive(story.enclose(upload, *run, completed, story.assessment(upload)))
    answer = await client.get(f"/api/v1/versions/{run_id(with_report.upload_id)}/report")
    assert (answer.status_code, answer.json()) == (200, {"repairs": 3})
    assert (await client.get(f"/api/v1/versions/{run_id(without.upload_id)}/report")).status_code == 404


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=9-999", (9, 10)),
        ("bytes=-1", (9, 10)),
        ("bytes=-999", (0, 10)),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=x-2", None),
    ],
)
def test_a_range_is_one_range_of_bytes_or_nothing(header: str | None, found: tuple[int, int] | None) -> None:
    assert ranges.parse(header, 10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-2", "bytes=-0"])
def test_a_range_outside_is_refused(header: str) -> None:
    with pytest.raises(Problem):
        ranges.parse(header, 10)


def test_file_names_are_harmless() -> None:
    assert file_stem("../../etc/passwd\x00") == "_.._etc_passwd_"
    assert file_stem("  CON: a|b  ") == "CON_ a_b"
    assert os.sep not in file_stem("a/b\\c")


async def test_rows_are_filtered_sorted_and_named_by_parameters_and_by_a_body(
    client: httpx.AsyncClient, published: Any
) -> None:
    path = f"/api/v1/tables/{published[1]}/rows"
    asked = {"=sum[gte]": "3", "name[is_null]": "false", "sort": "-=sum", "columns": "=sum,name", "rename[=sum]": "sum"}
    found = (await client.get(path, params=asked)).json()
    assert found["columns"] == ["sum", "name"]
    assert [row["sum"] for row in found["items"]] == [2**53 + 1, 6, 4, 3]
    body = {
        "filter": {
            "or": [{"column": "name", "op": "icontains", "value": "TWO"}, {"column": "real", "op": "eq", "value": 1.5}]
        },
        "columns": ["name"],
    }
    queried = await client.post(path, json=body)
    assert [row["name"] for row in queried.json()["items"]] == ["plain", "two\nlines"]
    assert (await client.get(f"{path}/count", params={"q": "lines two"})).json() == {"count": 1}
    assert (await client.post(f"{path}/count", json=body)).json() == {"count": 2}


async def test_rows_stream_in_the_format_that_the_client_accepts(client: httpx.AsyncClient, published: Any) -> None:
    path = f"/api/v1/tables/{published[1]}/rows"
    wanted = {"columns": "name,=sum"}
    lines = await client.get(path, params=wanted, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["=sum"] for line in lines.text.splitlines()] == TABLE["=sum"].to_pylist()
    arrow = await client.get(path, params=wanted, headers={"Accept": "application/vnd.apache.arrow.stream"})
    assert pa.ipc.open_stream(arrow.content).read_all()["name"].to_pylist() == TABLE["name"].to_pylist()
    text = await client.get(path, params={**wanted, "limit": "2"}, headers={"Accept": "text/csv, */*;q=0.1"})
    assert len(list(csv.reader(io.StringIO(text.text, newline="")))) == 3
    none = await client.get(path, headers={"Accept": "image/png"})
    assert (none.status_code, none.json()["code"]) == (406, "not_acceptable")
    empty = await client.get(
        path, params={"=sum[gt]": str(2**60)}, headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert pa.ipc.open_stream(empty.content).read_all().num_rows == 0


async def test_groups_values_and_histograms(client: httpx.AsyncClient, published: Any) -> None:
    path = f"/api/v1/tables/{published[1]}/rows"
    groups = await client.get(
        f"{path}/aggregate", params={"group_by": "month(day)", "measure": ["count()", "max(=sum)", "sum(=sum)"]}
    )
    assert groups.json()["items"] == [
        {"month(day)": "2026-01-01", "count()": 7, "max(=sum)": 2**53 + 1, "sum(=sum)": 2**53 + 22}
    ]
    pages = [(await client.post(f"{path}/aggregate", json={"group_by": ["name"], "limit": 4})).json()]
    pages.append(
        (
            await client.post(f"{path}/aggregate", json={"group_by": ["name"], "limit": 4, "cursor": pages[0]["next"]})
        ).json()
    )
    assert sorted(str(row["name"]) for page in pages for row in page["items"]) == sorted(
        map(str, TABLE["name"].to_pylist())
    )
    values = await client.get(f"{path}/distinct", params={"column": "real", "order": "value", "limit": "2"})
    assert values.json()["items"] == [{"value": -0.0, "count": 1}, {"value": 0.1, "count": 1}]
    days = (await client.get(f"{path}/histogram", params={"column": "day", "bins": "2"})).json()
    assert [part["count"] for part in days["bins"]] == [3, 4]
    assert days["bins"][0]["low"] == "2026-01-01T00:00:00+00:00"
    real = (await client.get(f"{path}/histogram", params={"column": "real"})).json()
    assert (real["rows"], real["nulls"], real["not_finite"]) == (7, 1, 2)


async def test_a_question_that_makes_no_sense_is_told_so(client: httpx.AsyncClient, published: Any) -> None:
    refused = {
        "rows?nowhere[eq]=1": "unknown_column",
        "rows?name=plain": "unknown_parameter",
        "rows?name[like]=plain": "unknown_operator",
        "rows?%3Dsum[eq]=one": "invalid_value",
        "rows?filter=[": "invalid_filter",
        "rows?limit=1000000000": "limit_too_large",
        "rows?cursor=WzFd": "invalid_cursor",
        "rows?sample=half": "invalid_sample",
        "rows/aggregate?measure=sum(name)": "invalid_expression",
        "rows/aggregate?measure=explode(name)": "invalid_expression",
        "rows/aggregate?group_by=month(name)": "invalid_expression",
        "rows/aggregate?group_by=name&order=day": "invalid_query",
        "rows/histogram?column=name": "invalid_query",
        "rows/distinct?column=tags": "invalid_query",
        "download?format=parquet&compression=gzip": "invalid_query",
    }
    answers = {path: await client.get(f"/api/v1/tables/{published[1]}/{path}") for path in refused}
    assert {path: answer.json()["code"] for path, answer in answers.items()} == refused
    assert {answer.status_code for answer in answers.values()} == {422}


async def test_a_part_of_a_table_downloads_in_every_format_packed_or_not(
    client: httpx.AsyncClient, published: Any
) -> None:
    path = f"/api/v1/tables/{published[1]}/download"
    asked = {"=sum[lt]": "3", "columns": "name,day", "sort": "-day", "rename[name]": "title"}
    rows = [{"title": "=1+1", "day": "2026-01-02"}, {"title": "plain", "day": "2026-01-01"}]
    found = await client.get(path, params={**asked, "format": "json"})
    assert found.headers["content-disposition"] == 'attachment; filename="T_1.json"'
    assert found.json() == rows
    packed = await client.get(path, params={**asked, "format": "ndjson", "compression": "gzip"})
    assert packed.headers["content-disposition"] == 'attachment; filename="T_1.ndjson.gz"'
    assert [json.loads(line) for line in gzip.decompress(packed.content).splitlines()] == rows
    zst = await client.get(path, params={**asked, "format": "csv", "compression": "zstd"})
    text = pa.CompressedInputStream(pa.BufferReader(zst.content), "zstd").read().decode()
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == ["'=1+1", "2026-01-02"]
    one = parquet.read_table(io.BytesIO((await client.get(path, params=asked)).content))
    assert one["title"].to_pylist() == ["=1+1", "plain"]
    book = openpyxl.load_workbook(io.BytesIO((await client.get(path, params={**asked, "format": "xlsx"})).content))
    assert [row[0] for row in book["T_1"].iter_rows(values_only=True)] == ["title", "=1+1", "plain"]
    none = await client.get(path, params={"=sum[lt]": "0", "format": "json"})
    assert none.json() == []


async def sql(client: httpx.AsyncClient, text: str, accept: str = "application/json", **body: Any) -> httpx.Response:
    return await client.post("/api/v1/sql", json={"sql": text, **body}, headers={"Accept": accept})


async def test_sql_reads_the_tables_that_it_names(client: httpx.AsyncClient, published: Any, story: Any) -> None:
    named: dict[str, Any] = {"tables": {"t": str(published[1])}}
    found = await sql(client, 'SELECT name, "=sum", name FROM t WHERE "=sum" > 5 ORDER BY 2', **named)
    assert found.status_code == 200, found.text
    assert found.json() == {
        "items": [
            {"name": 'has "quotes", and comma', "=sum": 6, "name_2": 'has "quotes", and comma'},
            {"name": "two\nlines", "=sum": 2**53 + 1, "name_2": "two\nlines"},
        ],
        "truncated": False,
    }
    dataset = (await client.get(f"/api/v1/versions/{published[0]}")).json()["dataset_id"]
    names = (await client.get(f"/api/v1/datasets/{dataset}")).json()
    own = f'SELECT count(*) AS n FROM "{names["institution"]}"."{names["slug"]}"'
    assert (await sql(client, own)).json()["items"] == [{"n": 7}]
    some = await sql(client, "SELECT * FROM range(5000)", limit=10)
    assert (len(some.json()["items"]), some.json()["truncated"]) == (10, True)
    text = await sql(client, "SELECT name, 1 FROM t ORDER BY name NULLS LAST", "text/csv", **named)
    assert [row[0] for row in csv.reader(io.StringIO(text.text, newline=""))][:4] == ["name", "", "'-2", "'=1+1"]
    arrow = await sql(client, "SELECT name FROM t WHERE false", "application/vnd.apache.arrow.stream", **named)
    assert pa.ipc.open_stream(arrow.content).read_all().schema.names == ["name"]


async def test_sql_reaches_nothing_that_it_was_not_given(
    client: httpx.AsyncClient, published: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {
        "SELECT * FROM t": "invalid_sql",
        "SELECT * FROM nowhere.things": "not_found",
        "SELECT * FROM '/etc/passwd'": "invalid_sql",
        "SELECT nothing FROM range(3)": "invalid_sql",
        "SELECT sum(9223372036854775807::HUGEINT * 9223372036854775807 * 9) FROM range(3)": "query_failed",
        "SELECT list(repeat('x', 1000000)) FROM range(5000)": "query_too_large",
    }
    answers = {text: await sql(client, text) for text in refused}
    assert {text: answer.json()["code"] for text, answer in answers.items()} == refused
    unknown = await sql(client, "SELECT 1 FROM t", tables={"t": str(UUID(int=7))})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    # the second door: what a statement would meet that had come past the first
    sqlprocess = import_module("catalog_svc.rows.sqlprocess")
    reach = import_module("catalog_svc.rows.connecting").reach_of(stored)
    store_file = await anext(_stored_files(stored))
    connection = sqlprocess.opened(reach, [{"schema": "", "table": "t", "uris": [store_file]}])
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM read_csv('/etc/passwd')")
    with pytest.raises(duckdb.Error):
        connection.execute("SET enable_external_access = true")
    with pytest.raises(duckdb.Error):
        connection.execute("COPY (SELECT 1) TO '/tmp/x.csv'")
    with pytest.raises(duckdb.Error):
        connection.execute(f"SELECT * FROM read_parquet('{store_file}.other')")
    connection.close()


async def _stored_files(found: Any) -> AsyncIterator[str]:
    async with open_store(found) as store:
        async for listed in store.list("tables/"):
            yield store.uri(listed.key)


async def test_sql_that_never_ends_is_ended(
    client: httpx.AsyncClient, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAPLATFORM_QUERY_TIMEOUT_SECONDS", "2")
    settings.cache_clear()
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"
    answer = await sql(client, endless)
    assert (answer.status_code, answer.json()["code"]) == (503, "query_timed_out")
    assert not [process for process in psutil.Process().children() if "sqlprocess" in " ".join(process.cmdline())]
