"""Contracts held against tables: every kind of clause kept and broken, other tables, what nobody enforces, drafts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.contracts import contract_of
from dataplatform.engine import EngineLimits
from quality_svc.assessment.building import Source, Wanted, build
from quality_svc.checks.rows import offending
from quality_svc.contracts import ContractResult, draft, enforce, read_contract, rules_in, with_rules
from quality_svc.contracts.clauses import clauses_of
from quality_svc.contracts.types import physical_type, strptime_format
from quality_svc.contracts.unenforced import REASONS
from quality_svc.profile.table import TableProfiler
from quality_svc.rules import rule_of, suggest
from quality_svc.rules.model import Surroundings

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "shared/standards/odcs-3.1.0/examples").glob("*.yaml"))
NOW = datetime(2024, 3, 1, tzinfo=UTC)
CRITICAL = "critical"
HEAD = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "a", "version": "1", "status": "active"}


@dataclass(frozen=True)
class Held:
    name: str
    parts: tuple[Path, ...]


@pytest.fixture
def limits(tmp_path: Path) -> EngineLimits:
    return EngineLimits(128 << 20, 1, tmp_path)


@pytest.fixture
def orders(tmp_path: Path) -> Held:
    table = pa.table(
        {
            "ID": pa.array([1, 2, 2, None], pa.int16()),
            "code": ["A1", "A2", "", None],
            "amount": [1.5, 2.0, -3.0, 4.0],
            "day": [date(2024, 2, d) for d in (1, 2, 3, 4)],
            "at": ["01.02.2024", "31.12.2023", "2024-01-01", None],
            "number": ["1", " 2", "x", None],
            "tags": [["a"], ["a", "a"], [], None],
        }
    )
    path = tmp_path / "orders.parquet"
    pq.write_table(table, path)
    return Held("Orders 2024", (path,))


def told(*properties: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {**HEAD, "schema": [{"name": "orders", "properties": list(properties), **rest}]}


def typed(column: str, logical: str, **options: Any) -> dict[str, Any]:
    return {"name": column, "logicalType": logical, "logicalTypeOptions": options}


@pytest.mark.parametrize(
    ("body", "clause", "rows", "severity"),
    [
        ({"name": "id", "required": True}, "required", [3], CRITICAL),
        ({"name": "id", "unique": True}, "unique", [1, 2], CRITICAL),
        ({"name": "ID", "logicalType": "integer"}, "logicalType", [], CRITICAL),
        ({"name": "key", "physicalName": "ID", "logicalType": "number"}, "logicalType", [], CRITICAL),
        ({"name": "ID", "logicalType": "string"}, "logicalType", None, "warning"),
        ({"name": "ID", "logicalType": "date"}, "logicalType", None, CRITICAL),
        ({"name": "ID", "physicalType": "bigint"}, "range", [], CRITICAL),
        ({"name": "code", "logicalType": "integer"}, "logicalType", [0, 1, 2], CRITICAL),
        ({"name": "number", "logicalType": "integer"}, "logicalType", [2], CRITICAL),
        ({"name": "amount", "logicalType": "integer"}, "logicalType", [0], CRITICAL),
        ({"name": "day", "logicalType": "date"}, "logicalType", [], CRITICAL),
        (typed("at", "date", format="dd.MM.yyyy"), "logicalType", [2], CRITICAL),
        ({"name": "code", "physicalType": "varchar(1)"}, "maxLength", [0, 1], CRITICAL),
        (typed("code", "string", minLength=1), "length", [2], CRITICAL),
        (typed("code", "string", pattern="A[0-9]"), "pattern", [2], CRITICAL),
        (typed("code", "string", format="email"), "format", [0, 1, 2], CRITICAL),
        (typed("amount", "number", minimum=0, exclusiveMaximum=4), "range", [2, 3], CRITICAL),
        (typed("amount", "number", multipleOf=1), "multipleOf", [0], CRITICAL),
        (typed("day", "date", exclusiveMinimum="2024-02-01"), "range", [0], CRITICAL),
        (typed("ID", "integer", format="u8", maximum=1), "range", [1, 2], CRITICAL),
        (typed("tags", "array", uniqueItems=True), "uniqueItems", [1], CRITICAL),
        (typed("tags", "array", minItems=1), "items", [2], CRITICAL),
    ],
)  # fmt: skip
def test_clauses_of_the_schema_name_the_rows_that_break_them(
    body: dict[str, Any], clause: str, rows: list[int] | None, severity: str, orders: Held, limits: EngineLimits
) -> None:
    result = enforce(contract_of(told(body)), [orders], limits)
    judged = [c.result for c in result.clauses if c.clause == clause]
    broken = [r for r in judged if r.state == "failed"]
    assert [(r.state, r.severity) for r in judged if rows == []] in ([], [("passed", severity)])
    if rows is None:
        assert [(r.reason, r.severity, r.failed) for r in broken] == [("type_mismatch", severity, 1)]
    elif rows:
        assert [(r.severity, r.failed) for r in broken] == [(severity, len(rows))]
        assert broken[0].query is not None
        assert [row for row, _ in offending(orders.parts, limits, broken[0].query)] == rows
        assert [sample.row for sample in broken[0].samples] == rows
    assert result.state == ("broken" if broken and severity == "critical" else "kept")


def metric(name: str, operator: str, value: Any, **rest: Any) -> dict[str, Any]:
    return {"type": "library", "metric": name, operator: value, **rest}


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        (metric("nullValues", "mustBe", 1), "passed"),
        (metric("nullValues", "mustBe", 0), "failed"),
        (metric("nullValues", "mustNotBe", 1), "failed"),
        (metric("nullValues", "mustBeLessThan", 26, unit="percent"), "passed"),
        (metric("nullValues", "mustBeLessThan", 25, unit="percent"), "failed"),
        (metric("missingValues", "mustBe", 2), "passed"),
        (metric("missingValues", "mustBe", 1, arguments={"missingValues": ["A1"]}), "passed"),
        (metric("invalidValues", "mustBe", 1, arguments={"validValues": ["A1", "A2", None]}), "passed"),
        (metric("invalidValues", "mustBeGreaterThan", 0, arguments={"pattern": "A[0-9]"}), "passed"),
        (metric("duplicateValues", "mustBeLessOrEqualTo", 0), "passed"),
        (metric("duplicateValues", "mustBeGreaterOrEqualTo", 1), "failed"),
        (metric("nullValues", "mustBeBetween", [1, 3]), "passed"),
        (metric("nullValues", "mustNotBeBetween", [1, 3]), "failed"),
        ({"type": "sql", "query": "SELECT count(*) FROM orders WHERE ${property} IS NULL", "mustBe": 1}, "passed"),
        ({"type": "sql", "query": "SELECT count(*) FROM {object} WHERE {property} = ''", "mustBe": 0}, "failed"),
        ({"type": "sql", "query": "DROP TABLE orders", "mustBe": 0}, "not_evaluated"),
    ],
)
def test_quality_rules_hold_by_their_operators(
    rule: dict[str, Any], state: str, orders: Held, limits: EngineLimits
) -> None:
    result = enforce(
        contract_of(told({"name": "code", "quality": [{**rule, "severity": "warning"}]})), [orders], limits
    )
    judged = next(c.result for c in result.clauses if c.path.endswith("quality/0"))
    assert (judged.state, judged.severity) == (state, "warning"), judged.detail
    assert result.state == "kept"
    if judged.query and judged.kind in {"nullValues", "missingValues", "invalidValues", "duplicateValues"}:
        assert len(offending(orders.parts, limits, judged.query)) == judged.failed


def test_quality_of_the_object_and_severities(orders: Held, limits: EngineLimits) -> None:
    quality = [
        metric("rowCount", "mustBe", 4),
        metric("rowCount", "mustBe", 5, severity="error"),
        metric("rowCount", "mustBe", 5, severity="info"),
        metric("duplicateValues", "mustBe", 1, arguments={"properties": ["ID"]}),
        {"type": "custom", "engine": "dataplatform", "implementation": {"kind": "unique", "columns": ["code", "day"]}},
        {"type": "custom", "engine": "soda", "implementation": "x: 1"},
        {"type": "text", "description": "should be nice"},
    ]
    result = enforce(contract_of(told({"name": "ID"}, quality=quality)), [orders], limits)
    states = {c.path: (c.result.state, c.result.severity) for c in result.clauses if "quality" in c.path}
    assert states == {
        "/schema/0/quality/0": ("passed", "critical"),
        "/schema/0/quality/1": ("failed", "critical"),
        "/schema/0/quality/2": ("failed", "info"),
        "/schema/0/quality/3": ("passed", "critical"),
        "/schema/0/quality/4": ("passed", "critical"),
    }
    assert (result.state, result.critical_failed, result.failed) == ("broken", 1, 2)
    assert {(n.path, n.what, n.reason) for n in result.not_enforced} == {
        ("/schema/0/quality/5", "soda", "foreign_engine"),
        ("/schema/0/quality/6", "text", "text_only"),
    }
    assert result.undeclared_columns == tuple(
        f"Orders 2024.{name}" for name in ("code", "amount", "day", "at", "number", "tags")
    )


def test_keys_and_relationships(orders: Held, limits: EngineLimits, tmp_path: Path) -> None:
    path = tmp_path / "codes.parquet"
    pq.write_table(pa.table({"code": ["A1", "A2"]}), path)
    schema = [
        {
            "name": "orders", "physicalName": "orders_2024",
            "properties": [
                {"name": "ID", "primaryKey": True, "primaryKeyPosition": 2},
                {"name": "code", "primaryKey": True, "primaryKeyPosition": 1, "relationships": [{"to": "codes.code"}]},
            ],
            "relationships": [{"type": "foreignKey", "from": ["orders.code"], "to": ["elsewhere.code"]}],
        },
        {"name": "codes", "properties": [{"name": "code"}]},
    ]  # fmt: skip
    tables = [Held("ORDERS-2024", orders.parts), Held("codes", (path,)), Held("other", (path,))]
    result = enforce(contract_of({**HEAD, "schema": schema}), tables, limits)
    by = {(c.object, c.clause, c.path): c.result for c in result.clauses}
    assert by["orders", "primaryKey", "/schema/0/properties"].state == "passed"
    assert by["orders", "primaryKey", "/schema/0/properties"].columns == ("code", "ID")
    assert by["orders", "primaryKey", "/schema/0/properties/0/primaryKey"].failed == 1
    assert by["orders", "relationship", "/schema/0/properties/1/relationships/0"].failed == 1
    assert by["orders", "relationship", "/schema/0/relationships/0"].reason == "table_not_at_hand"
    assert result.undeclared_tables == ("other",)


@pytest.mark.parametrize("to", ["schema/codes_obj/properties/code_prop", "/schema/codes_obj/properties/code_prop"])
def test_references_by_full_names_are_enforced_and_exported(
    to: str, orders: Held, limits: EngineLimits, tmp_path: Path
) -> None:
    path = tmp_path / "codes.parquet"
    pq.write_table(pa.table({"value": ["A1", "A2"]}), path)
    schema = [
        {
            "id": "orders_obj", "name": "orders",
            "properties": [{"id": "code_prop", "name": "code", "relationships": [{"type": "foreignKey", "to": to}]}],
            "relationships": [
                {"from": ["schema/orders_obj/properties/code_prop"], "to": [to]},
                {"from": "schema/orders_obj/properties/code_prop", "to": "schema/codes_obj/properties/gone"},
            ],
        },
        {"id": "codes_obj", "name": "codes", "properties": [{"id": "code_prop", "name": "value"}]},
    ]  # fmt: skip
    contract = contract_of({**HEAD, "schema": schema})
    again = read_contract(contract.to_yaml().encode())
    assert again == contract
    result = enforce(again, [Held("orders", orders.parts), Held("codes", (path,))], limits)
    failed = {c.path: c.result.failed for c in result.clauses if c.clause == "relationship"}
    assert failed == {"/schema/0/properties/0/relationships/0": 1, "/schema/0/relationships/0": 1}
    assert ("/schema/0/relationships/1", "other_dataset") in {(n.path, n.reason) for n in result.not_enforced}


@pytest.mark.skipif(not EXAMPLES, reason="the standard's examples are not at ../shared/standards")
def test_the_full_example_says_the_same_by_names_and_by_full_names() -> None:
    example = next(path for path in EXAMPLES if path.name == "full-example.odcs.yaml").read_text()
    full = example.replace("- to: receivers.id", "- to: schema/receivers_obj/properties/receiver_id_prop")
    full = full.replace("- receivers.id", "- schema/receivers_obj/properties/receiver_id_prop")
    full = full.replace("- receivers.country_code", "- schema/receivers_obj/properties/country_code_prop")
    assert full.count("schema/receivers_obj") == 3
    assert clauses_of(read_contract(full.encode())) == clauses_of(read_contract(example.encode()))


def test_service_levels(orders: Held, limits: EngineLimits) -> None:
    levels = [
        {"property": "latency", "value": 27, "unit": "d", "element": "orders.day"},
        {"property": "latency", "value": 25, "unit": "days", "element": "orders.day"},
        {"property": "retention", "value": 28, "unit": "d", "element": "orders.day"},
        {"property": "frequency", "value": 1, "unit": "w", "element": "orders.day"},
        {"property": "latency", "value": 1, "unit": "d", "element": "nobody.day"},
        {"property": "generalAvailability", "value": "2022-05-12"},
    ]
    contract = contract_of({**told({"name": "day"}), "slaProperties": levels})
    arrivals = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 9, tzinfo=UTC), datetime(2024, 1, 10, tzinfo=UTC))
    result = enforce(contract, [orders], limits, Surroundings(reference_time=NOW, arrivals=arrivals))
    judged = {c.path[-1]: (c.result.state, c.result.reason) for c in result.clauses if "sla" in c.path}
    assert judged == {
        "0": ("passed", None), "1": ("failed", None), "2": ("failed", None), "3": ("failed", None),
        "4": ("not_evaluated", "element_not_found"),
    }  # fmt: skip
    assert ("/slaProperties/5", "service_level") in {(n.path, n.reason) for n in result.not_enforced}
    without = enforce(contract, [orders], limits)
    assert {c.result.reason for c in without.clauses if "sla" in c.path} == {
        "no_reference_time", "no_arrivals", "element_not_found",
    }  # fmt: skip


def test_a_contract_for_other_columns_fails_once_for_each_and_says_so(orders: Held, limits: EngineLimits) -> None:
    contract = contract_of(told(
        {"name": "gone", "required": True, "unique": True, "quality": [metric("nullValues", "mustBe", 0)]},
        {"name": "code"},
    ))  # fmt: skip
    result = enforce(contract, [orders], limits)
    by = {(c.path, c.clause): (c.result.state, c.result.reason) for c in result.clauses}
    assert by["/schema/0/properties/0", "column"] == ("failed", "column_not_found")
    assert by["/schema/0/properties/0/required", "required"] == ("not_evaluated", "column_not_found")
    assert by["/schema/0/properties/1", "column"] == ("passed", None)
    assert (result.state, result.critical_failed, result.not_evaluated) == ("broken", 1, 3)


def test_a_contract_for_other_tables_fails_once_for_each(orders: Held, limits: EngineLimits) -> None:
    document = {**HEAD, "schema": [{"name": "a", "properties": [{"name": "x", "required": True}]}, {"name": "b"}]}
    result = enforce(contract_of(document), [orders], limits)
    assert [(c.path, c.result.state, c.result.reason) for c in result.clauses] == [
        ("/schema/0", "failed", "table_not_found"),
        ("/schema/0/properties/0/required", "not_evaluated", "table_not_found"),
        ("/schema/1", "failed", "table_not_found"),
    ]
    assert result.undeclared_tables == ("Orders 2024",)


@pytest.mark.skipif(not EXAMPLES, reason="the standard's examples are not at ../shared/standards")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_enforced_on_a_stranger_and_all_the_rest_is_named(
    path: Path, orders: Held, limits: EngineLimits
) -> None:
    contract = read_contract(path.read_bytes())
    result = enforce(contract, [orders], limits, Surroundings(reference_time=NOW))
    assert ContractResult.model_validate_json(result.model_dump_json()) == result
    assert {named.reason for named in result.not_enforced} <= REASONS.keys()
    demanding = len(contract.objects) > 1 or any(body.get("properties") for body in contract.objects)
    assert result.state == ("broken" if demanding else "not_evaluated")
    enforced = {clause.path for clause in result.clauses}
    named = {one.path for one in result.not_enforced}
    for index, body in enumerate(contract.objects):
        for number, _ in enumerate(body.get("quality") or ()):
            assert f"/schema/{index}/quality/{number}" in enforced | named
        for place, column in enumerate(body.get("properties") or ()):
            for number, _ in enumerate(column.get("quality") or ()):
                assert f"/schema/{index}/properties/{place}/quality/{number}" in enforced | named
    for key in ("servers", "roles", "team", "support", "price"):
        assert (f"/{key}" in named) == bool(contract.document.get(key))
    for number, _ in enumerate(contract.document.get("slaProperties") or ()):
        assert f"/slaProperties/{number}" in enforced | named


def test_a_draft_of_a_profile_and_accepted_rules_is_kept_by_its_table(tmp_path: Path, limits: EngineLimits) -> None:
    n = 40
    table = pa.table(
        {
            "key": [f"K-{i:03d}" for i in range(n)],
            "kind": [["red", "blue"][i % 2] for i in range(n)],
            "amount": [i / 2 for i in range(n)],
            "day": [date(2024, 1, 1 + i % 28) for i in range(n)],
            "list": [[i] for i in range(n)],
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    columns = list(TableProfiler((path,), limits).columns())
    accepted = [suggestion.rule for suggestion in suggest(columns, n)]
    extra = [
        rule_of(
            {"kind": "sql", "query": "SELECT count(*) FROM data", "condition": {"operator": "must_be", "value": n}}
        ),
        rule_of({"kind": "not_null", "column": "key", "tolerance": 0.1, "severity": "info"}),
        rule_of({"kind": "unique", "columns": ["key", "kind"], "name": "both"}),
    ]
    contract = draft({"t": columns}, {"t": [*accepted, *extra]}, contract_id="x", name="T")
    again = read_contract(contract.to_yaml().encode())
    assert again == contract
    assert with_rules(contract, "t", accepted) == contract
    result = enforce(again, [Held("anything", (path,))], limits)
    assert (result.state, result.failed, result.not_evaluated) == ("kept", 0, 0)
    assert {rule.kind for rule in rules_in(again)} >= {"not_null", "unique", "regex", "range", "sql"}
    with pytest.raises(KeyError):
        with_rules(contract, "other", accepted)


@pytest.mark.parametrize(
    ("text", "logical", "length"),
    [
        ("varchar(18)", "string", 18),
        ("VARCHAR[15]", "string", 15),
        ("text", "string", None),
        ("decimal(10, 2)", "number", None),
    ],
)
def test_physical_types_are_read_where_databases_share_them(text: str, logical: str, length: int | None) -> None:
    known = physical_type(text)
    assert known is not None
    assert (known.logical, known.length) == (logical, length)
    assert physical_type("hierarchyid") is None
    assert physical_type(None) is None


def test_date_patterns_of_java_are_those_of_strptime() -> None:
    assert strptime_format("yyyy-MM-dd'T'HH:mm:ssZ") == "%Y-%m-%dT%H:%M:%S%z"
    assert strptime_format("QQQ") is None


def test_a_suggested_rule_comes_with_the_clause_that_makes_a_contract_demand_it(
    tmp_path: Path, limits: EngineLimits
) -> None:
    table = pa.table({"id": list(range(100)), "town": ["ams", "rtm"] * 50, "price": [1.5] * 99 + [None]})
    pq.write_table(table, tmp_path / "t.parquet")
    source = Source(0, "t", (tmp_path / "t.parquet",))
    wanted = Wanted(scores=False, relations=False, anomalies=False, suggestions=True)
    document, _ = build("t", [source], limits, seed=0, wanted=wanted)
    suggested = document.tables[0].suggestions
    assert {"not_null", "unique", "set", "range", "row_count"} <= {one.rule.kind for one in suggested}
    body: dict[str, Any] = {"name": "t", "properties": [{"name": name} for name in table.column_names]}
    for one in suggested:
        owner = body if one.column is None else next(p for p in body["properties"] if p["name"] == one.column)
        owner.setdefault("quality", []).append(one.quality)
    contract = contract_of({"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0",
                            "status": "draft", "schema": [body]})  # fmt: skip
    result = enforce(contract, [source], limits)
    assert result.not_enforced == ()
    assert (result.failed, result.passed) == (0, len(suggested) + 3)
