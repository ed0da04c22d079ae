"""The entries of `quality` of a contract as clauses: library metrics, SQL, and this platform's own rules."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from quality_svc.contracts.demands import Clause, Demand, MetricDemand
from quality_svc.rules.model import (
    Condition,
    Operator,
    Rule,
    Severity,
    SqlAssertion,
    rule_of,
)

ENGINE: Final = "dataplatform"
"""Name of this platform's own engine in quality of type custom: its implementation is a rule."""
OPERATORS: Final[dict[str, Operator]] = {
    "mustBe": "must_be",
    "mustNotBe": "must_not_be",
    "mustBeGreaterThan": "must_be_greater_than",
    "mustBeGreaterOrEqualTo": "must_be_greater_or_equal_to",
    "mustBeLessThan": "must_be_less_than",
    "mustBeLessOrEqualTo": "must_be_less_or_equal_to",
    "mustBeBetween": "must_be_between",
    "mustNotBeBetween": "must_not_be_between",
}
METRICS: Final = frozenset({"nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"})
OLD_METRICS: Final = {
    "nullCheck": "nullValues",
    "nullCount": "nullValues",
    "nullValues": "nullValues",
    "duplicateCount": "duplicateValues",
    "duplicateValues": "duplicateValues",
    "validValues": "invalidValues",
    "invalidCount": "invalidValues",
    "missingValues": "missingValues",
    "rowCount": "rowCount",
}
"""What `rule` was called in 3.0 by the name of the metric in 3.1."""
_SEVERITIES: Final[dict[str, Severity]] = {
    **dict.fromkeys(("info", "information", "low", "minor", "notice"), "info"),
    **dict.fromkeys(("warning", "warn", "medium", "moderate"), "warning"),
}


def quality_clauses(name: str, path: str, body: Mapping[str, Any], column: str | None) -> Iterator[Clause]:
    """Return the clauses of what stands at `path`: the object `name`, or its column."""
    for number, found in enumerate(body.get("quality") or ()):
        demand = quality_demand(found, name, column)
        if demand is not None:
            kind = metric_of(found) or str(found.get("type"))
            label = str(found.get("name") or found.get("description") or "")[:200]
            yield Clause(f"{path}/quality/{number}", kind, name, severity_of(found), demand, label)


def metric_of(body: Mapping[str, Any]) -> str | None:
    """Return the name of the library metric that a quality rule asks for."""
    if body.get("type", "library") != "library":
        return None
    metric = body.get("metric")
    return metric if metric in METRICS else OLD_METRICS.get(str(body.get("rule") or ""))


def quality_demand(body: Mapping[str, Any], name: str, column: str | None) -> Demand | None:
    """Return what a quality rule demands, None where it cannot be enforced."""
    if body.get("type") == "custom":
        return _own_rule(body)
    condition = _condition(body)
    if condition is None:
        return None
    if body.get("type") == "sql":
        query = str(body.get("query") or "")[:20_000]
        for placeholder, value in (
            ("object", name),
            ("property", column or ""),
            ("table", name),
            ("column", column or ""),
        ):
            query = query.replace(f"${{{placeholder}}}", value).replace(f"{{{placeholder}}}", value)
        return SqlAssertion(query=query, condition=condition) if query.strip() else None
    metric = metric_of(body)
    arguments = {**(body.get("arguments") or {})}
    if "validValues" in body:  # 3.0
        arguments.setdefault("validValues", body["validValues"])
    columns = (column,) if column else tuple(map(str, arguments.get("properties") or ()))
    if metric is None or (metric != "rowCount" and not columns):
        return None
    if metric == "invalidValues" and not {"validValues", "pattern"} & arguments.keys():
        return None
    percent = str(body.get("unit") or "rows").lower() in {"percent", "%", "percentage"}
    return MetricDemand(metric, columns, arguments, condition, percent)


def _own_rule(body: Mapping[str, Any]) -> Rule | None:
    if body.get("engine") != ENGINE:
        return None
    implementation = body.get("implementation")
    try:
        found = json.loads(implementation) if isinstance(implementation, str) else implementation
        return rule_of(found) if isinstance(found, dict) else None
    except (ValueError, ValidationError):
        return None


def _condition(body: Mapping[str, Any]) -> Condition | None:
    stated = [(operator, body[key]) for key, operator in OPERATORS.items() if key in body]
    if len(stated) != 1:
        return None
    operator, value = stated[0]
    try:
        return Condition(operator=operator, value=tuple(value) if isinstance(value, list) else value)
    except ValidationError:
        return None


def severity_of(body: Mapping[str, Any]) -> Severity:
    """Return the severity that a quality rule states."""
    return _SEVERITIES.get(str(body.get("severity") or "").strip().lower(), "critical")
