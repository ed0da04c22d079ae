"""The SQL endpoint: what the caller may see, nothing else, and never for long."""

import pytest

from catalog_svc.rows.statements import Name, statement
from dataplatform.problems import Problem

pytest_plugins = ()


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT 1", []),
        ("WITH t AS (SELECT 1 AS a) SELECT * FROM t JOIN u USING (a)", ["u"]),
        ('SELECT * FROM "demo"."air" WHERE x IN (SELECT y FROM b) -- ; a comment', ["b", "demo.air"]),
        ("SELECT * FROM range(3), generate_series(1, 2), unnest([1])", []),
        ("FROM a UNION ALL FROM b ORDER BY 1;", ["a", "b"]),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) FROM r", []),
    ],
)
def test_the_tables_of_a_statement_are_found(text: str, tables: list[str]) -> None:
    found = statement(text)
    assert list(map(str, found.tables)) == tables
    assert statement(found.sql).tables == found.tables


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELEC 1", "invalid_sql"),
        ("", "sql_not_allowed"),
        ("SELECT 1; SELECT 2", "sql_not_allowed"),
        ("DROP TABLE t", "sql_not_allowed"),
        ("INSERT INTO t VALUES (1)", "sql_not_allowed"),
        ("CREATE TABLE t AS SELECT 1", "sql_not_allowed"),
        ("COPY (SELECT 1) TO '/tmp/x'", "sql_not_allowed"),
        ("ATTACH '/tmp/x.db'", "sql_not_allowed"),
        ("INSTALL httpfs", "sql_not_allowed"),
        ("SET memory_limit = '100GB'", "sql_not_allowed"),
        ("PRAGMA database_list", "sql_not_allowed"),
        ("CALL pragma_version()", "sql_not_allowed"),
        ("DESCRIBE t", "sql_not_allowed"),
        ("SHOW ALL TABLES", "sql_not_allowed"),
        ("SELECT * FROM read_csv('/etc/passwd')", "sql_not_allowed"),
        ("SELECT * FROM glob('/*')", "sql_not_allowed"),
        ("SELECT (SELECT max(content) FROM read_text('/etc/passwd'))", "sql_not_allowed"),
        ("SELECT * FROM duckdb_secrets()", "sql_not_allowed"),
        ("SELECT * FROM query('SELECT 1')", "sql_not_allowed"),
        ("SELECT current_setting('temp_directory')", "sql_not_allowed"),
        ("SELECT * FROM other.main.t", "sql_not_allowed"),
        ("SELECT 1" + " " * 20_000, "invalid_sql"),
    ],
)
def test_what_a_statement_may_not_do_is_refused(text: str, code: str) -> None:
    with pytest.raises(Problem) as caught:
        statement(text)
    assert (caught.value.status, caught.value.code) == (422, code)


def test_a_path_is_a_name_that_nothing_has() -> None:
    assert statement("SELECT * FROM '/etc/passwd'").tables == (Name("", "/etc/passwd"),)
