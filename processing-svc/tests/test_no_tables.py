"""Texts that are no tables say what they are instead; lists and tables among text are tables all the same."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from dataplatform_formats.detection import Observation, UnacceptableError, detect
from processing_svc.handlers.interface import HandlerError

ParseBytes = Callable[..., Any]

PROSE = """It was late when the train came in, and nobody was waiting on the platform.
The porter, who had been asleep, looked up; then he went back to sleep again.

Outside it rained. There were no cabs, no lights, and no people in the street.
She walked, as she had walked every night, along the river and over the bridge.
"""
LETTER = """Ann Smith
3 Long Street
Newtown

4 May 2023

Dear Sir or Madam,

on 12 April, 13 April and 14 April I called your office, and each time nobody answered. I would
like to know when the parcel arrives, or whether it was lost.

Kind regards,
Ann Smith
"""
LOG = "".join(
    f"2024-05-01 10:00:{n:02d} INFO app.worker task {n} done, {n} rows, {n} ms\n"
    if n % 3
    else f"2024-05-01 10:00:{n:02d} ERROR app.worker task {n} failed\nTraceback (most recent call last):\n"
    for n in range(40)
)
PROGRAM = """import os
from pathlib import Path


def area(width, height):
    if width < 0:
        raise ValueError("width")
    return width * height


def main():
    for side in (1, 2, 3):
        print(area(side, side), side)
"""
SETTINGS = "[server]\nhost = example.org\nport = 80\n\n[client]\nretries = 3\nurl = http://example.org/a\n"
MARKDOWN = """# A project

It reads files, and writes others.

## How to use it

- install it, with its dependencies
- run it, as often as you like

See the manual for more, or ask.
"""
SQL = "CREATE TABLE t (a INT, b TEXT);\n" + "".join(f"INSERT INTO t VALUES ({n}, 'x{n}');\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (PROSE, "running text"),
        (LETTER, "running text"),
        (MARKDOWN, "running text"),
        (LOG, "a log of messages"),
        (PROGRAM, "the text of a program"),
        (SETTINGS, "settings"),
        (SQL, "SQL statements"),
    ],
    ids=["prose", "letter", "markdown", "log", "program", "settings", "sql"],
)
def test_what_is_no_table_is_named(text: str, named: str, parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(text.encode(), "csv")
    assert refusal.value.code == "no_tables"
    assert named in refusal.value.detail


def test_a_person_who_names_the_delimiter_is_obeyed(parse_bytes: ParseBytes) -> None:
    assert parse_bytes(LOG.encode(), "csv", options={"delimiter": ","}).tables


@pytest.mark.parametrize(
    "lines",
    [
        ["name", *["ann", "bob", "cid", "dan", "eve"]],
        [f"user{n}@example.org" for n in range(20)],
        [f"2024-01-{n:02d}" for n in range(1, 20)],
        [f"http://example.org/a/{n}" for n in range(20)],
        [str(7 * n) for n in range(20)],
        ["title", "The old man and the sea", "Of mice and men", "War and peace", "Heart of darkness"],
        ["comment", "It was good.", "I did not like it at all, sorry.", "Never again!", "Too long; did not read it."],
    ],
    ids=["names", "addresses", "dates", "links", "numbers", "titles", "sentences below a name"],
)
def test_lists_of_one_column_are_tables(lines: list[str], parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(("\n".join(lines) + "\n").encode(), "csv")
    assert parsed.table.num_columns == 1
    assert parsed.table.num_rows >= len(lines) - 1


def test_a_table_below_a_page_of_text_is_found(parse_bytes: ParseBytes) -> None:
    table = "id,name,price\n" + "".join(f"{n},n{n},{n}.5\n" for n in range(12))
    parsed = parse_bytes((PROSE + "\n" + table).encode(), "csv")
    assert [(found.num_rows, found.num_columns) for found in parsed.tables][-1] == (12, 3)


def test_a_table_of_markdown_loses_its_line_of_dashes(parse_bytes: ParseBytes) -> None:
    text = "| name | age |\n|------|----:|\n| ann | 31 |\n| bob | 42 |\n| cid | 53 |\n"
    parsed = parse_bytes(text.encode(), "csv")
    assert parsed.table.column("age").to_pylist() == [31, 42, 53]


class TestDialects:
    def test_each_table_of_a_file_may_have_a_dialect_of_its_own(self, parse_bytes: ParseBytes) -> None:
        text = (
            "Sales\n\nid\tname\tprice\n1\tann\t2.5\n2\tbob\t3.5\n3\tcid\t4.5\n\n"
            "Regions\n\nregion|code|people\nnorth|N1|1000\nsouth|S1|2000\nwest|W1|3000\n\n"
            "day,temperature\n2024-01-01,3.5\n2024-01-02,4.5\n2024-01-03,5.5\n"
        )
        parsed = parse_bytes(text.encode(), "csv")
        assert [table.column_names for table in parsed.tables] == [
            ["id", "name", "price"], ["region", "code", "people"], ["day", "temperature"],
        ]  # fmt: skip
        assert [table.num_rows for table in parsed.tables] == [3, 3, 3]
        sources = [(t["source"]["first"], t["source"]["last"]) for t in parsed.report["tables"]]
        assert sources == [(3, 6), (10, 13), (15, 18)]
        dialects = [
            finding["detail"]
            for table in parsed.report["tables"]
            for finding in table["findings"]
            if finding["kind"] == "dialect"
        ]
        assert [detail[10:14] for detail in dialects] == ["'\\t'", "'|',", "',',"]

    def test_remarks_with_commas_are_no_table(self, parse_bytes: ParseBytes) -> None:
        rows = "".join(f"{n};n{n};{n * 2}\n" for n in range(20))
        remarks = "Source: the office, 2024\nNotes: rounded, estimated\nContact: ann, bob\n"
        parsed = parse_bytes(("id;name;sum\n" + rows + "\n" + remarks).encode(), "csv")
        assert parsed.table.num_rows == 20

    def test_one_that_a_person_decided_holds_for_all(self, parse_bytes: ParseBytes) -> None:
        text = "id;name;x\n1;ann;2\n2;bob;3\n\nday,value,x\n2024-01-01,3,1\n2024-01-02,4,1\n2024-01-03,5,2\n"
        parsed = parse_bytes(text.encode(), "csv", options={"delimiter": ";"})
        assert all(table.column_names != ["day", "value", "x"] for table in parsed.tables)


def test_json_lines_are_named_by_the_detection() -> None:
    for text, what in (
        ("".join(json.dumps({"id": n, "tags": [n]}) + "\n" for n in range(5)), "JSON lines"),
        ("<rows>\n <row id='1'><name>a</name></row>\n</rows>\n", "XML"),
        ("BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n", "calendar"),
    ):
        observation = Observation()
        observation.feed(text.encode())
        observation.finish()
        with pytest.raises(UnacceptableError) as refusal:
            detect(observation, io.BytesIO(text.encode()))
        assert refusal.value.code == "unsupported_format"
        assert what in str(refusal.value)
