"""What a contract demands, clause by clause, as rules and counts. Pure: nothing here reads a table.

A clause names its place in the contract (JSON pointer) and its severity. Clauses of the schema are critical; clauses of
quality have the severity that they state ("error" is critical), critical where they state none.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dataplatform.contracts import Contract
from quality_svc.checks.formats import KNOWN
from quality_svc.contracts.demands import (
    AgeDemand,
    Clause,
    Column,
    Demand,
    FrequencyDemand,
    ListDemand,
    TypeDemand,
    ZoneDemand,
)
from quality_svc.contracts.qualities import quality_clauses
from quality_svc.contracts.relationships import relationship_clauses
from quality_svc.contracts.types import physical_type
from quality_svc.rules.model import (
    Freshness,
    HasLength,
    InRange,
    Matches,
    MultipleOf,
    NotNull,
    Unique,
)

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
            found += _of_column(contract, column)
        found += _primary_key(str(body["name"]), index, columns)
        found += relationship_clauses(contract, str(body["name"]), f"/schema/{index}", body)
        found += quality_clauses(str(body["name"]), f"/schema/{index}", body, None)
    return [*found, *_service_levels(contract)]


def _of_column(contract: Contract, column: Column) -> Iterator[Clause]:
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
    yield from relationship_clauses(contract, column.object, column.path, body, name)
    yield from quality_clauses(column.object, column.path, body, name)


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
