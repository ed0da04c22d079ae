"""What a contract demands, clause by clause, as rules and counts. Pure: nothing here reads a table.

A clause names its place in the contract (JSON pointer) and its severity. Clauses of the schema are critical; clauses of
quality have the severity that they state ("error" is critical), critical where they state none.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from dataplatform.contracts import Contract
from quality_svc.checks.formats import KNOWN
from quality_svc.contracts.types import physical_type
from quality_svc.references import split_reference
from quality_svc.rules.model import (
    Condition,
    Freshness,
    HasLength,
    InRange,
    Matches,
    MultipleOf,
    NotNull,
    Operator,
    RefersTo,
    Rule,
    Severity,
    SqlAssertion,
    Unique,
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
SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
    **dict.fromkeys(("mo", "month", "months"), 2_629_746.0),
    **dict.fromkeys(("y", "yr", "year", "years"), 31_556_952.0),
}
INTEGER_BITS: Final = re.compile(r"([iu])(8|16|32|64|128)")
_SEVERITIES: Final[dict[str, Severity]] = {
    **dict.fromkeys(("info", "information", "low", "minor", "notice"), "info"),
    **dict.fromkeys(("warning", "warn", "medium", "moderate"), "warning"),
}


@dataclass(frozen=True, slots=True)
class TypeDemand:
    """The column's values are of a logical type; texts are read by `format` where it has one."""

    column: str
    logical: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class MetricDemand:
    """A metric of the standard's library over one column, several, or the table, and what it must satisfy."""

    metric: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]
    condition: Condition
    percent: bool


@dataclass(frozen=True, slots=True)
class ListDemand:
    """The elements of every list are different."""

    column: str


@dataclass(frozen=True, slots=True)
class ZoneDemand:
    """The times of a column have a time zone, or have none."""

    column: str
    zoned: bool


@dataclass(frozen=True, slots=True)
class AgeDemand:
    """No date of the column is older than this."""

    column: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FrequencyDemand:
    """Versions arrive at least this often."""

    seconds: float


Demand = Rule | TypeDemand | MetricDemand | ListDemand | ZoneDemand | AgeDemand | FrequencyDemand


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand of a contract on one object."""

    path: str
    kind: str
    object: str
    severity: Severity
    demand: Demand
    name: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A property of an object: where it stands, and the names that its column may have."""

    path: str
    object: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the name that clauses go by."""
        return str(self.body["name"])

    def clause(self, step: str, kind: str, demand: Demand, severity: Severity = "critical") -> Clause:
        """Return a clause of this property."""
        return Clause(f"{self.path}/{step}", kind, self.object, severity, demand)


def columns_of(index: int, body: Mapping[str, Any]) -> list[Column]:
    """Return the properties of an object."""
    return [
        Column(f"/schema/{index}/properties/{number}", str(body["name"]), found)
        for number, found in enumerate(body.get("properties") or ())
    ]


def clauses_of(contract: Contract) -> list[Clause]:
    """Return every clause that can be enforced, in the order of the document."""
    found: list[Clause] = []
    for index, body in enumerate(contract.objects):
        columns = columns_of(index, body)
        for column in columns:
            found += _of_column(column)
        found += _primary_key(str(body["name"]), index, columns)
        found += _relationships(str(body["name"]), f"/schema/{index}", body)
        found += _quality(str(body["name"]), f"/schema/{index}", body, None)
    return [*found, *_service_levels(contract)]


def severity_of(body: Mapping[str, Any]) -> Severity:
    """Return the severity that a quality rule states."""
    return _SEVERITIES.get(str(body.get("severity") or "").strip().lower(), "critical")


def _of_column(column: Column) -> Iterator[Clause]:
    body, name = column.body, column.name
    options = body.get("logicalTypeOptions") or {}
    logical = body.get("logicalType")
    physical = physical_type(body.get("physicalType"))
    if logical:
        yield column.clause("logicalType", "logicalType", TypeDemand(name, logical, options.get("format")))
    elif physical and physical.logical:
        yield column.clause("physicalType", "physicalType", TypeDemand(name, physical.logical))
    if physical and physical.length is not None:
        yield column.clause("physicalType", "maxLength", HasLength(column=name, maximum=physical.length))
    if physical and physical.least is not None:
        demand = InRange(column=name, minimum=str(physical.least), maximum=str(physical.greatest))
        yield column.clause("physicalType", "range", demand)
    if body.get("required"):
        yield column.clause("required", "required", NotNull(column=name))
    if body.get("unique"):
        yield column.clause("unique", "unique", Unique(columns=(name,)))
    yield from _options(column, logical, options)
    yield from _relationships(column.object, column.path, body, name)
    yield from _quality(column.object, column.path, body, name)


def _options(column: Column, logical: str | None, options: Mapping[str, Any]) -> Iterator[Clause]:
    name, step = column.name, "logicalTypeOptions"
    if "minLength" in options or "maxLength" in options:
        demand = HasLength(column=name, minimum=options.get("minLength"), maximum=options.get("maxLength"))
        yield column.clause(step, "length", demand)
    if "minItems" in options or "maxItems" in options:
        demand = HasLength(column=name, minimum=options.get("minItems"), maximum=options.get("maxItems"))
        yield column.clause(step, "items", demand)
    if options.get("uniqueItems"):
        yield column.clause(f"{step}/uniqueItems", "uniqueItems", ListDemand(name))
    if "pattern" in options and len(options["pattern"]) <= 1000:  # noqa: PLR2004 - what a rule takes
        yield column.clause(f"{step}/pattern", "pattern", Matches(column=name, pattern=options["pattern"]))
    if logical == "string" and str(options.get("format", "")).lower() in KNOWN:
        pattern = KNOWN[str(options["format"]).lower()]
        yield column.clause(f"{step}/format", "format", Matches(column=name, pattern=pattern))
    bounds = {
        "minimum": options.get("minimum"),
        "maximum": options.get("maximum"),
        "exclusive_minimum": options.get("exclusiveMinimum"),
        "exclusive_maximum": options.get("exclusiveMaximum"),
    }
    stated = _old_exclusive({key: value for key, value in bounds.items() if value is not None})
    if stated:
        yield column.clause(step, "range", InRange(column=name, **stated))
    if options.get("multipleOf"):
        yield column.clause(f"{step}/multipleOf", "multipleOf", MultipleOf(column=name, divisor=options["multipleOf"]))
    bits = INTEGER_BITS.fullmatch(str(options.get("format", ""))) if logical == "integer" else None
    if bits:
        low, high = integer_range(bits[1] == "i", int(bits[2]))
        yield column.clause(f"{step}/format", "range", InRange(column=name, minimum=str(low), maximum=str(high)))
    if isinstance(options.get("timezone"), bool) and logical == "timestamp":
        yield column.clause(f"{step}/timezone", "timezone", ZoneDemand(name, options["timezone"]))


def integer_range(signed: bool, bits: int) -> tuple[int, int]:
    """Return the least and the greatest integer of so many bits."""
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def _old_exclusive(bounds: dict[str, Any]) -> dict[str, Any]:
    """Read 3.0's booleans, which say whether minimum and maximum are exclusive, as 3.1's bounds."""
    found = dict(bounds)
    for side in ("minimum", "maximum"):
        exclusive = found.get(f"exclusive_{side}")
        if isinstance(exclusive, bool):
            del found[f"exclusive_{side}"]
            if exclusive and side in found:
                found[f"exclusive_{side}"] = found.pop(side)
    return found


def _primary_key(name: str, index: int, columns: list[Column]) -> Iterator[Clause]:
    keys = [column for column in columns if column.body.get("primaryKey")]
    keys.sort(key=lambda column: column.body.get("primaryKeyPosition") or 0)  # stable: ties as they stand
    if not keys:
        return
    demand = Unique(columns=tuple(key.name for key in keys))
    yield Clause(f"/schema/{index}/properties", "primaryKey", name, "critical", demand)
    for key in keys:
        if not key.body.get("required"):
            yield key.clause("primaryKey", "primaryKey", NotNull(column=key.name))


def _relationships(name: str, path: str, body: Mapping[str, Any], column: str | None = None) -> Iterator[Clause]:
    for number, found in enumerate(body.get("relationships") or ()):
        sources = [column] if column else [name for _, name in _references(found.get("from"))]
        targets = _references(found.get("to"))
        if sources and len(sources) == len(targets):
            tables = {table for table, _ in targets}
            if len(tables) == 1:
                demand = RefersTo(
                    columns=tuple(sources), table=tables.pop(), to_columns=tuple(name for _, name in targets)
                )
                yield Clause(f"{path}/relationships/{number}", "relationship", name, "critical", demand)


def _references(found: Any) -> list[tuple[str, str]]:
    """Return table and column of references: shorthand (`object.property`) or to another dataset; none, if one is not.

    A full name inside the contract goes by ids, which few contracts have.
    """
    listed = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str)]
    pairs = [split_reference(one) if "/" in one else (one.rpartition(".")[0], one.rpartition(".")[2]) for one in listed]
    return [pair for pair in pairs if pair is not None] if None not in pairs else []


def _quality(name: str, path: str, body: Mapping[str, Any], column: str | None) -> Iterator[Clause]:
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


def _service_levels(contract: Contract) -> Iterator[Clause]:
    default = str(contract.document.get("slaDefaultElement") or "")
    for number, body in enumerate(contract.document.get("slaProperties") or ()):
        demand, table = service_level(body, default)
        if demand is not None:
            kind = str(body["property"])
            yield Clause(f"/slaProperties/{number}", kind, table, "warning", demand)


def service_level(body: Mapping[str, Any], default: str = "") -> tuple[Demand | None, str]:
    """Return what a service level demands (None where it cannot be enforced), and the object that it names."""
    element = str(body.get("element") or default)
    table, _, column = element.rpartition(".")
    value, unit = body.get("value"), SECONDS.get(str(body.get("unit") or "").strip().lower())
    if unit is None or isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None, table
    prop = str(body.get("property") or "").lower()
    if prop in {"latency", "la", "freshness"} and column:
        return Freshness(column=column, max_age_seconds=value * unit), table
    if prop in {"retention", "re"} and column:
        return AgeDemand(column, value * unit), table
    if prop in {"frequency", "fy"}:
        return FrequencyDemand(value * unit), table
    return None, table
