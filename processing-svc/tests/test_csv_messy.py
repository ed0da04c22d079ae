"""Messy text: what a person would read in it is read, every repair has its line, nothing is dropped in silence."""

import importlib.util
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from processing_svc.handlers.interface import HandlerError

ParseBytes = Callable[..., Any]
NAMES = ["name", "place", "count", "day"]


def _benchmark(name: str) -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys  # noqa: PLC0415

    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def rows_of(table: Any) -> list[list[Any]]:
    return [list(row.values()) for row in table.to_pylist()]


def names_of(parsed: Any, index: int = 0) -> list[str | None]:
    return [column.get("source_name") for column in parsed.report["tables"][index]["columns"]]


def places(parsed: Any, kind: str) -> list[str | None]:
    table = parsed.report["tables"][0]
    return [item.get("line") or item.get("position") for item in table["repairs"] if item["kind"] == kind]


class TestStructure:
    def test_tables_below_each_other_are_tables_of_their_own(self, parse_bytes: ParseBytes) -> None:
        first = "region,people\nnorth,12\nsouth,34\n"
        second = "region,area,share\nnorth,100,0.5\nsouth,200,0.7\n"
        parsed = parse_bytes(f"Population\n\n{first}\nArea\n{second}\nSource: office\n".encode(), "csv")
        assert [table.num_rows for table in parsed.tables] == [2, 2]
        assert names_of(parsed) == ["region", "people"]
        assert names_of(parsed, 1) == ["region", "area", "share"]
        sources = [table["source"] for table in parsed.report["tables"]]
        assert [(source["first"], source["last"]) for source in sources] == [(3, 5), (8, 10)]
        assert parsed.report["tables"][1]["finding_counts"]["footnote"] == 1

    def test_a_second_table_of_the_same_width_is_known_by_its_header(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,b\n1,2\n3,4\n\nx,y\n5,6\n7,8\n", "csv")
        assert [rows_of(table) for table in parsed.tables] == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
        assert names_of(parsed, 1) == ["x", "y"]

    def test_tables_that_alternate_are_kept_apart(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,b\n1,2\n3,4\n\nx,y,z\n5,6,7\n8,9,10\n\n" * 20, "csv")
        assert [(table.num_rows, table.num_columns) for table in parsed.tables] == [(2, 2), (2, 3)] * 20

    def test_header_rows_become_one_name(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b",2023,,2024,\nregion,men,women,men,women\nA,1,2,3,4\nB,5,6,7,8\n", "csv")
        assert names_of(parsed) == ["region", "2023 men", "2023 women", "2024 men", "2024 women"]
        assert parsed.report["tables"][0]["header_rows"] == [1, 2]

    def test_a_title_filled_up_with_delimiters_is_no_header(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"Sales,,,\n,,,\nid,name,qty,price\n1,a,2,3.5\n2,b,3,4.5\n", "csv")
        assert names_of(parsed) == ["id", "name", "qty", "price"]
        assert parsed.findings["preamble"] == 2

    def test_footnotes_and_remarks_are_findings_with_their_lines(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"# made\na,b,c\n1,2,3\n# half\n4,5,6\n\n* provisional\nSource: x, y\n", "csv")
        assert rows_of(parsed.table) == [[1, 2, 3], [4, 5, 6]]
        assert (parsed.findings["preamble"], parsed.findings["comment_line"], parsed.findings["footnote"]) == (1, 1, 2)

    def test_a_repeated_header_is_left_out(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,b\n1,2\na,b\n3,4\n", "csv")
        assert rows_of(parsed.table) == [[1, 2], [3, 4]]
        assert places(parsed, "repeated_header") == ["line 3"] or parsed.repairs["repeated_header"] == 1

    def test_a_header_far_below_the_first_block_is_found_too(self, parse_bytes: ParseBytes) -> None:
        body = "".join(f"{number},name {number % 99}\n" for number in range(700_000))
        parsed = parse_bytes(f"id,name\n{body}id,name\n1,x\n".encode(), "csv")
        assert parsed.table.num_rows == 700_001
        assert parsed.repairs == {"repeated_header": 1}

    def test_duplicate_and_empty_names_are_kept_as_they_are(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,a,,b\n1,2,3,4\n5,6,7,8\n", "csv")
        assert names_of(parsed) in (["a", "a", "", "b"], ["a", "a", None, "b"])
        assert len(set(parsed.table.column_names)) == 4

    def test_delimiters_at_the_ends_of_lines_make_no_column(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,b,\n1,2,\n3,4,\n", "csv")
        assert rows_of(parsed.table) == [[1, 2], [3, 4]]
        assert parsed.repairs == {"trailing_delimiter": 2}

    @pytest.mark.parametrize(
        "text",
        [
            "ID  NAME      AMOUNT\n001 Anna        12.5\n002 Bob          7.1\n003 Carl Heinz 44.10\n",
            "ID   NAME        AMOUNT\n001  Anna          12.5\n002  Bob            7.1\n003  Carl Heinz   44.10\n",
        ],
    )
    def test_text_aligned_with_spaces_has_columns(self, text: str, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(text.encode(), "csv")
        assert names_of(parsed) == ["ID", "NAME", "AMOUNT"]
        assert rows_of(parsed.table)[2] == ["003", "Carl Heinz", 44.1]


class TestRecords:
    def test_a_delimiter_too_much_is_found_by_what_stands_in_the_columns(self, parse_bytes: ParseBytes) -> None:
        body = "".join(f"{number},Main St,2024-01-{number},x{number}\n" for number in [*range(10, 28)] * 2)
        parsed = parse_bytes(
            f"id,street,day,code\n{body}7,,Oak St,2024-02-01,x1\n8,Elm St, 5,2024-02-02,x2\n".encode(), "csv"
        )
        assert [row[1] for row in rows_of(parsed.table)[-2:]] == ["Oak St", "Elm St, 5"]
        assert parsed.repairs == {"extra_delimiter": 1, "excess_joined": 1}

    def test_a_record_with_another_delimiter_is_split_by_it(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"a,b,c\n1,x,2\n3,y,4\n5;z;6\n7,w,8\n", "csv")
        assert rows_of(parsed.table)[2] == [5, "z", 6]
        assert parsed.repairs == {"other_delimiter": 1}

    @pytest.mark.parametrize(
        ("line", "cell"),
        [
            ('2,"he said "no" twice",3', 'he said "no" twice'),
            ('2,"x\\"y",3', 'x"y'),
            ('2,5" pipe,3', '5" pipe'),
            ('2,"open,3', '"open'),
            ('2,""in"" it,3', '""in"" it'),
        ],
    )
    def test_broken_quotes_cost_no_other_cell(self, line: str, cell: str, parse_bytes: ParseBytes) -> None:
        good = "".join(f'{number},"a ""b"", c",{number}\n' for number in range(20))
        parsed = parse_bytes(f"id,text,n\n{good}{line}\n{good}".encode(), "csv")
        assert parsed.table.num_rows == 41
        assert rows_of(parsed.table)[20] == [2, cell, 3]
        assert parsed.report["repair_count"] == 1

    def test_line_ends_inside_quotes_stay_as_they_are(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b'a,b\r\n1,"x\r\ny"\r\n2,"z\nw"\r\n3,bad,er\r\n4,v\r\n5,v\r\n6,v\r\n', "csv")
        assert [row[1] for row in rows_of(parsed.table)[:2]] == ["x\r\ny", "z\nw"]

    def test_marks_in_mid_file_and_nuls_are_removed_with_their_lines(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(b"\xef\xbb\xbfa,b\n1,x\n\xef\xbb\xbf2,y\0\n", "csv")
        assert rows_of(parsed.table) == [[1, "x"], [2, "y"]]
        assert parsed.repairs == {"mark_removed": 1, "nul_removed": 1}

    def test_texts_keep_their_spaces(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes("a,b\n x ,\u00a0y\n z,w\u2003\n".encode(), "csv")
        assert rows_of(parsed.table) == [[" x ", "\u00a0y"], [" z", "w\u2003"]]

    def test_a_very_long_line_is_set_aside_and_named(self, parse_bytes: ParseBytes) -> None:
        long = b"x" * 40_000_000
        parsed = parse_bytes(b"a,b\n1,2\n" + long + b",3\n4,5\n", "csv")
        assert rows_of(parsed.table) == [[1, 2], [4, 5]]
        assert [part["reason_code"] for part in parsed.report["unextracted"]] == ["line_too_long"]

    def test_a_file_of_one_endless_line_is_refused(self, parse_bytes: ParseBytes) -> None:
        with pytest.raises(HandlerError) as refusal:
            parse_bytes(b"x" * 40_000_000, "csv")
        assert refusal.value.code == "line_too_long"

    def test_lines_of_megabytes_are_read(self, parse_bytes: ParseBytes) -> None:
        long = "y" * 3_000_000
        parsed = parse_bytes(f"a,b\n1,{long}\n2,short\n3\n".encode(), "csv")
        assert [len(row[1] or "") for row in rows_of(parsed.table)] == [3_000_000, 5, 0]


class TestOptions:
    def test_the_line_of_the_header_is_obeyed(self, parse_bytes: ParseBytes) -> None:
        text = b"x;y;z\n1;2;3\na;b;c\n4;5;6\n"
        parsed = parse_bytes(text, "csv", options={"header_row": 3})
        assert names_of(parsed) == ["a", "b", "c"]
        assert rows_of(parsed.table) == [[4, 5, 6]]
        assert rows_of(parse_bytes(text, "csv", options={"header_row": 0}).table)[0] == ["x", "y", "z"]

    def test_delimiter_quote_and_encoding_are_obeyed(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(
            "a;b,c\n'1;x';ü,3\n".encode("cp850"), "csv", options={"delimiter": ";", "quote": "'", "encoding": "cp850"}
        )
        assert names_of(parsed) == ["a", "b,c"]
        assert rows_of(parsed.table) == [["1;x", "ü,3"]]
        plain = parse_bytes(b'a,b\n"x,1\ny",2\n', "csv", options={"quote": ""})
        assert rows_of(plain.table) == [['"x', 1], ['y"', 2]]


class TestProperties:
    def test_polluted_files_score_nearly_full_marks(self) -> None:
        pollution = _benchmark("csv_pollution")
        found = [value for seed in (11, 12) for _, value in pollution.scores(seed, 0.03)]
        assert len(found) > 150
        assert sum(found) / len(found) >= 9.97

    def test_dialects_of_messy_files_are_found(self) -> None:
        dialects = _benchmark("csv_dialects")
        files = list(dialects.files(250, 9))
        right = [dialects.is_right(file, dialects._ours(file)) for file in files]
        assert sum(delimiter and quote for delimiter, quote, _ in right) >= 0.95 * len(files)

    @pytest.mark.parametrize("seed", range(40))
    def test_a_random_table_in_a_random_dialect_encoding_and_mess_comes_back(
        self, seed: int, parse_bytes: ParseBytes
    ) -> None:
        rng = random.Random(seed)
        delimiter, end = rng.choice([",", ";", "\t", "|", "||", "::", ", ", "§"]), rng.choice(["\n", "\r\n"])
        quote, codec = rng.choice("\"'"), rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
        escape = rng.choice([quote, quote, "\\"])
        pieces = ["Köln", "ärger", " ", delimiter, quote, "end", "42", "ß", "-", "a\nb" if rng.random() < 0.3 else "q"]
        rows = [
            [
                "x" + "".join(rng.choices(pieces, k=rng.randint(1, 5))),
                f"Straße {place}",
                str(place),
                f"2024-01-{10 + place % 19}",
            ]
            for place in range(rng.randint(8, 60))
        ]
        lines = [_written(row, delimiter, quote, escape) for row in [NAMES, *rows]]
        mess = rng.choice(["none", "preamble", "blank", "footnote", "repeated", "short", "nul"])
        expected = [[row[0], row[1], row[2], row[3]] for row in rows]
        place = rng.randrange(3, len(lines))
        match mess:
            case "preamble":
                lines[:0] = ["A title of the year", ""]
            case "blank":
                lines.insert(place, "")
            case "footnote":
                lines += ["", "* a remark below the table"]
            case "repeated":
                lines.insert(place, lines[0])
            case "short":
                lines[place] = _written(rows[place - 1][:3], delimiter, quote, escape)
                expected[place - 1][3] = ""
            case "nul":
                lines[place] += "\0"
        parsed = parse_bytes((end.join(lines) + end).encode(codec), "csv")
        found = [["" if cell is None else str(cell) for cell in row] for row in rows_of(parsed.table)]
        assert names_of(parsed) == NAMES
        assert found == expected
        assert mess in {"none", "preamble", "footnote"} or parsed.report["repair_count"] >= 1

    @pytest.mark.parametrize("seed", range(30))
    def test_every_word_of_a_broken_file_is_in_a_table_or_a_finding(self, seed: int) -> None:
        pollution = _benchmark("csv_pollution")
        rng = random.Random(seed)
        files = [file for file in pollution.polluted(seed, 0.01) if not file.kind.startswith("repeated")]
        text = list(rng.choice(files).content)
        for _ in range(rng.randint(1, 6)):
            text.insert(rng.randrange(len(text) + 1), rng.choice(['"', "\n", ",", "\r", '""', ",,", ";"]))
        words = Counter(re.findall(r"[A-Za-z0-9]+", "".join(text)))
        loaded = pollution.load("".join(text).encode())
        kept = "\n".join([*loaded.header, *loaded.outside, *(cell for row in loaded.rows for cell in row)])
        assert not words - Counter(re.findall(r"[A-Za-z0-9]+", kept)), seed


def _written(row: list[str], delimiter: str, quote: str, escape: str) -> str:
    cells = []
    for cell in row:
        core = delimiter.strip() or delimiter
        if core[0] in cell or quote in cell or "\n" in cell:
            inner = cell.replace("\\", "\\\\") if escape == "\\" else cell
            cells.append(quote + inner.replace(quote, escape + quote) + quote)
        else:
            cells.append(cell)
    return delimiter.join(cells)


class TestEngine:
    def test_duckdb_told_of_crlf_loses_rows_which_is_why_it_is_not_told(self, tmp_path: Path) -> None:
        path = tmp_path / "x.csv"
        path.write_bytes(b"a,b\r\n1,2\r\n3,4\r\n")
        read = (
            "SELECT * FROM read_csv(?, auto_detect=false, strict_mode=true, header=false, skip=1, delim=',', "
            "quote='\"', escape='\"', columns={'a': 'VARCHAR', 'b': 'VARCHAR'}"
        )
        assert len(duckdb.execute(f"{read})", [str(path)]).fetchall()) == 2
        assert duckdb.execute(f"{read}, new_line='\\r\\n')", [str(path)]).fetchall() == []

    def test_duckdb_passes_by_a_line_beyond_its_buffer_in_silence(self, tmp_path: Path) -> None:
        path = tmp_path / "x.csv"
        path.write_bytes(b"a,b\n" + b"x" * 40_000_000 + b",1\n")
        read = (
            "SELECT count(*) FROM read_csv(?, auto_detect=false, strict_mode=true, header=false, skip=1, delim=',', "
            "columns={'a': 'VARCHAR', 'b': 'VARCHAR'}, max_line_size=2000000, buffer_size=8388608)"
        )
        try:
            rows = duckdb.execute(read, [str(path)]).fetchall()[0][0]
        except duckdb.Error:
            rows = -1
        assert rows in {0, -1}
