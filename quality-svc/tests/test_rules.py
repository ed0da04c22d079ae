"""Rules: what keeps them, what breaks them, and SQL that writes, never ends or eats memory."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from dataplatform.engine import EngineLimits
from quality_svc.checks.rows import offending
from quality_svc.profile.table import TableProfiler
from quality_svc.rules import RuleResult, evaluate, evaluate_all, rule_of, rules_of, suggest
from quality_svc.rules.model import Condition, NotNull, Surroundings

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SIX = {"operator": "must_be", "value": 6}
REFERENCE = {"kind": "reference", "columns": ["id"], "to_columns": ["x"]}


@pytest.fixture
def limits(tmp_path: Path) -> EngineLimits:
    return EngineLimits(128 << 20, 1, tmp_path)


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, ...]:
    table = pa.table(
        {
            "id": [1, 2, 2, 4, None, 6],
            "Code": ["A1", "A2", "B", None, "A5", "A6"],
            "amount": [0.5, 1.0, -1.0, float("nan"), None, 7.5],
            "day": [date(2024, 2, d) for d in (1, 2, 3, 4, 5, 20)],
            "tags": [["x"], [], ["x", "y"], None, ["z"], ["q"]],
        }
    )
    paths = (tmp_path / "0.parquet", tmp_path / "1.parquet")
    pq.write_table(table.slice(0, 4), paths[0])
    pq.write_table(table.slice(4), paths[1])
    return paths


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    path = tmp_path / "codes.parquet"
    pq.write_table(pa.table({"code": ["A1", "A2", "A5", "A6"], "n": [1, 2, 5, 6]}), path)
    return Surroundings(reference_time=NOW, tables={"codes": (path,)})


@pytest.mark.parametrize(
    ("body", "rows", "evaluated"),
    [
        ({"kind": "not_null", "column": "id"}, [4], 6),
        ({"kind": "unique", "columns": ["id"]}, [1, 2], 5),
        ({"kind": "unique", "columns": ["id", "Code"]}, [], 4),
        ({"kind": "range", "column": "amount", "minimum": 0, "maximum": 7}, [2, 3, 5], 5),
        ({"kind": "range", "column": "amount", "exclusive_minimum": 0.5, "exclusive_maximum": 7.5}, [0, 2, 3, 5], 5),
        ({"kind": "range", "column": "day", "minimum": "2024-02-03"}, [0, 1], 6),
        ({"kind": "set", "column": "Code", "values": ["A1", "A2", "it's"]}, [2, 4, 5], 5),
        ({"kind": "set", "column": "id", "values": [1, 2, 4]}, [5], 5),
        ({"kind": "regex", "column": "code", "pattern": "A[0-9]"}, [2], 5),
        ({"kind": "length", "column": "Code", "minimum": 2, "maximum": 2}, [2], 5),
        ({"kind": "length", "column": "tags", "minimum": 1, "maximum": 1}, [1, 2], 5),
        ({"kind": "multiple_of", "column": "amount", "divisor": 0.5}, [3], 5),
        ({"kind": "reference", "columns": ["Code"], "table": "codes", "to_columns": ["code"]}, [2], 5),
    ],
)  # fmt: skip
def test_a_rule_names_the_rows_that_break_it(
    body: dict[str, Any],
    rows: list[int],
    evaluated: int,
    parts: Sequence[Path],
    limits: EngineLimits,
    around: Surroundings,
) -> None:
    rule = rule_of(body)
    found = evaluate(rule, parts, limits, around)
    assert (found.state, found.evaluated, found.failed) == ("failed" if rows else "passed", evaluated, len(rows))
    assert [sample.row for sample in found.samples] == rows[:5]
    if rows and rule.kind != "reference":
        assert found.query is not None
        assert [row for row, _ in offending(parts, limits, found.query)] == rows
    if rule.kind == "reference":
        assert str(limits.scratch) not in str(found.query)
    assert rule_of(rule.model_dump(mode="json")) == rule


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        ({"kind": "row_count", "minimum": 6, "maximum": 6}, "passed", None),
        ({"kind": "row_count", "minimum": 7}, "failed", None),
        ({"kind": "freshness", "column": "day", "max_age_seconds": 10 * 86400}, "passed", None),
        ({"kind": "freshness", "column": "day", "max_age_seconds": 9 * 86400}, "failed", None),
        ({"kind": "freshness", "column": "Code", "max_age_seconds": 1}, "not_evaluated", "not_applicable"),
        ({"kind": "not_null", "column": "gone"}, "failed", "column_not_found"),
        ({"kind": "range", "column": "day", "minimum": "soon"}, "not_evaluated", "not_applicable"),
        ({"kind": "range", "column": "Code", "minimum": 3}, "not_evaluated", "not_applicable"),
        ({"kind": "regex", "column": "Code", "pattern": "(?=x)"}, "not_evaluated", "not_applicable"),
        ({"kind": "multiple_of", "column": "Code", "divisor": 2}, "not_evaluated", "not_applicable"),
        ({**REFERENCE, "table": "nowhere"}, "not_evaluated", "table_not_at_hand"),
        ({"kind": "not_null", "column": "id", "tolerance": 0.2}, "passed", None),
        ({"kind": "sql", "query": "SELECT * FROM data WHERE amount < 0"}, "failed", None),
        ({"kind": "sql", "query": "SELECT 1 WHERE false -- nothing;"}, "passed", None),
        ({"kind": "sql", "query": "SELECT max(n) FROM codes;", "condition": SIX}, "passed", None),
        ({"kind": "sql", "query": "SELECT 1, 2", "condition": SIX}, "not_evaluated", "sql_not_one_value"),
        ({"kind": "sql", "query": "SELECT nothing FROM data"}, "not_evaluated", "sql_invalid"),
        ({"kind": "sql", "query": "SELECT ('x' || id)::INT FROM data"}, "not_evaluated", "sql_failed"),
    ],
)  # fmt: skip
def test_a_rule_over_the_whole_passes_fails_or_says_why_not(
    body: dict[str, Any],
    state: str,
    reason: str | None,
    parts: Sequence[Path],
    limits: EngineLimits,
    around: Surroundings,
) -> None:
    found = evaluate(rule_of(body), parts, limits, around)
    assert (found.state, found.reason) == (state, reason), found.detail


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("DROP VIEW data", "sql_not_a_query"),
        ("SELECT 1; SELECT 2", "sql_not_a_query"),
        ("COPY data TO 'out.csv'", "sql_not_a_query"),
        ("CREATE TABLE t AS SELECT 1", "sql_not_a_query"),
        ("INSERT INTO data VALUES (1)", "sql_not_a_query"),
        ("ATTACH 'x.db'", "sql_not_a_query"),
        ("SET threads = 8", "sql_not_a_query"),
        ("INSTALL httpfs", "sql_not_a_query"),
        ("", "sql_not_a_query"),
        ("SELECT * FROM read_text('/etc/passwd')", "sql_forbidden"),
        ("SELECT * FROM glob('/*')", "sql_forbidden"),
        ("SELECT * FROM read_csv('https://example.org/x.csv')", "sql_forbidden"),
        ("SELECT * FROM parts", "sql_invalid"),
        ("SELEC", "sql_invalid"),
        ("SELECT 1) ; DROP VIEW data; (SELECT 1", "sql_invalid"),
    ],
)
def test_sql_that_is_no_mere_question_is_refused(
    query: str, reason: str, parts: Sequence[Path], limits: EngineLimits
) -> None:
    before = [part.read_bytes() for part in parts]
    found = evaluate(rule_of({"kind": "sql", "query": query or ";"}), parts, limits)
    assert (found.state, found.reason) == ("not_evaluated", reason), found.detail
    assert [part.read_bytes() for part in parts] == before
    assert sorted(path.name for path in limits.scratch.iterdir()) == ["0.parquet", "1.parquet"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range = 7",
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT i FROM r WHERE i < 0",
        "SELECT list_sum(list_transform(range(100000000), lambda x: x * 2 % 7)) AS s",
    ],
    ids=["cross join", "recursion", "one expression"],
)
def test_sql_that_never_ends_is_ended(query: str, parts: Sequence[Path], limits: EngineLimits) -> None:
    started = time.monotonic()
    found = evaluate(rule_of({"kind": "sql", "query": query, "seconds": 0.4}), parts, limits)
    assert found.state == "not_evaluated"
    assert found.reason in {"timed_out", "memory_limit_exceeded"}
    assert time.monotonic() - started < 10


def test_sql_that_eats_memory_is_ended(parts: Sequence[Path], limits: EngineLimits) -> None:
    query = "SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(100000)"
    found = evaluate(rule_of({"kind": "sql", "query": query, "seconds": 20}), parts, limits)
    assert (found.state, found.reason) == ("not_evaluated", "memory_limit_exceeded"), found.detail


def test_failing_rows_of_sql_are_samples(parts: Sequence[Path], limits: EngineLimits) -> None:
    found = evaluate(
        rule_of({"kind": "sql", "query": "SELECT row_number, id, day FROM data WHERE id >= 4"}), parts, limits
    )
    assert (found.failed, found.evaluated) == (2, 6)
    assert [(sample.row, sample.values) for sample in found.samples] == [
        (3, {"id": 4, "day": "2024-02-04"}),
        (5, {"id": 6, "day": "2024-02-20"}),
    ]


def test_many_rules_give_what_each_gives_alone(
    parts: Sequence[Path], limits: EngineLimits, around: Surroundings
) -> None:
    rules = rules_of(
        [
            {"kind": "not_null", "column": "id"},
            {"kind": "regex", "column": "Code", "pattern": "("},
            {"kind": "range", "column": "amount", "minimum": 0},
            {"kind": "unique", "columns": ["Code"]},
            {"kind": "not_null", "column": "gone", "severity": "critical"},
        ]
    )
    together = evaluate_all(rules, parts, limits, around)
    assert together == tuple(evaluate(rule, parts, limits, around) for rule in rules)
    assert [result.state for result in together] == ["failed", "not_evaluated", "failed", "passed", "failed"]
    assert together[4].tally().met is False
    assert together[4].tally().critical
    assert together[1].tally().met is None


@pytest.mark.parametrize(
    ("operator", "value", "kept", "broken"),
    [
        ("must_be", 0, [0, 0.0], [1, None, False, "0"]),
        ("must_not_be", 0, [1, None], [0]),
        ("must_be", None, [None], [0]),
        ("must_be_greater_than", 2, [3], [2, 1, None, "3", True]),
        ("must_be_greater_or_equal_to", 2, [2], [1]),
        ("must_be_less_than", 2, [1], [2]),
        ("must_be_less_or_equal_to", 2, [2], [2.5]),
        ("must_be_between", (5, 1), [1, 5, 3], [0, 6]),
        ("must_not_be_between", (1, 5), [0, 6], [1, 5, None]),
    ],
)
def test_conditions_hold_as_their_names_say(operator: Any, value: Any, kept: list[Any], broken: list[Any]) -> None:
    condition = Condition(operator=operator, value=value)
    assert all(condition.holds(found) for found in kept)
    assert not any(condition.holds(found) for found in broken)


def test_an_id_is_made_of_what_is_demanded() -> None:
    assert NotNull(column="a", severity="critical").id == NotNull(column="a", name="other").id
    assert NotNull(column="a").id != NotNull(column="b").id
    with pytest.raises(ValidationError):
        rule_of({"kind": "not_null", "column": "a", "unknown": 1})
    with pytest.raises(ValidationError):
        rule_of({"kind": "made_up"})


def test_results_keep_their_shape() -> None:
    result = RuleResult(rule_id="x", kind="not_null", name="", severity="info", state="passed")
    assert RuleResult.model_validate_json(result.model_dump_json()) == result


def test_suggestions_hold_now_and_what_was_refused_stays_away(tmp_path: Path, limits: EngineLimits) -> None:
    n = 60
    table = pa.table(
        {
            "key": [f"K-{i:04d}" for i in range(n)],
            "kind": [["red", "blue", "green"][i % 3] for i in range(n)],
            "amount": [float(i % 11) for i in range(n)],
            "change": [float(i % 11) - 5 for i in range(n)],
            "seen": [date(2024, 1, 1 + i % 28) for i in range(n)],
            "holes": [None if i % 2 else i for i in range(n)],
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    columns = list(TableProfiler((path,), limits).columns())
    found = suggest(columns, n)
    assert {(s.rule.kind, getattr(s.rule, "column", None)) for s in found} >= {
        ("not_null", "key"), ("unique", None), ("set", "kind"), ("range", "amount"), ("range", "change"),
        ("range", "seen"), ("regex", "key"), ("row_count", None),
    }  # fmt: skip
    assert not [s for s in found if (s.rule.kind, getattr(s.rule, "column", None)) == ("not_null", "holes")]
    assert {r.state for r in evaluate_all([s.rule for s in found], (path,), limits)} == {"passed"}
    assert all(0 < s.confidence < 1 and s.evidence for s in found)
    later = [c.model_copy(update={"max": 99, "count": c.count - 1, "nulls": c.nulls + 1}) for c in columns]
    refused = {s.id for s in found if s.rule.kind == "range"}
    assert refused <= {s.id for s in suggest(later, n)}
    assert not refused & {s.id for s in suggest(later, n, refused=refused)}
    assert not {s.id for s in found} & {s.id for s in suggest(columns, n, held=[s.rule for s in found])}
    assert suggest(columns, 5) == ()
