from pathlib import Path

import duckdb
import pytest

from dataplatform.engine import EngineLimits, open_engine

MEBIBYTE = 1 << 20


def limits(scratch: Path, memory_bytes: int = 64 * MEBIBYTE) -> EngineLimits:
    return EngineLimits(memory_bytes, 1, scratch)


def setting(session: duckdb.DuckDBPyConnection, name: str) -> str:
    return str(session.execute("SELECT current_setting(?)", [name]).fetchall()[0][0])


def test_every_session_has_the_limits_it_was_opened_with(tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        with open_engine(limits(scratch, number * 64 * MEBIBYTE), ordered=number == 1) as session:
            names = ("memory_limit", "threads", "temp_directory", "preserve_insertion_order", "TimeZone")
            found.append([setting(session, name) for name in names])
    assert found == [
        ["64.0 MiB", "1", str(tmp_path / "1" / "spill"), "True", "UTC"],
        ["128.0 MiB", "1", str(tmp_path / "2" / "spill"), "False", "UTC"],
    ]


def test_a_session_sees_nothing_of_the_one_before(tmp_path: Path) -> None:
    with open_engine(limits(tmp_path)) as session:
        session.execute("CREATE TEMP TABLE kept AS SELECT 1")
        session.execute("SET VARIABLE secret = 42")
    with open_engine(limits(tmp_path)) as session:
        with pytest.raises(duckdb.CatalogException):
            session.execute("FROM kept")
        assert session.execute("SELECT getvariable('secret')").fetchall() == [(None,)]


def test_a_session_that_spilled_leaves_its_folder_to_nobody(tmp_path: Path) -> None:
    distinct = "SELECT count(*) FROM (SELECT DISTINCT i, i::VARCHAR FROM range(2000000) t(i))"
    for name in ("first", "second"):
        scratch = tmp_path / name
        scratch.mkdir()
        with open_engine(limits(scratch, 24 * MEBIBYTE)) as session:
            assert session.execute(distinct).fetchall() == [(2_000_000,)]
            assert (scratch / "spill").exists()


def test_sessions_within_sessions_are_apart(tmp_path: Path) -> None:
    with open_engine(limits(tmp_path)) as outer, open_engine(limits(tmp_path, 32 * MEBIBYTE)) as inner:
        assert setting(outer, "memory_limit") == "64.0 MiB"
        assert setting(inner, "memory_limit") == "32.0 MiB"


def test_after_an_error_the_next_session_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(duckdb.ParserException), open_engine(limits(tmp_path)) as session:
        session.execute("SELEC 1")
    with open_engine(limits(tmp_path)) as session:
        assert session.execute("SELECT 1").fetchall() == [(1,)]
