"""What a contract says and nobody here checks, each with its place and a reason. Pure.

Names, descriptions, tags and definitions demand nothing and are not listed; everything else is enforced or named.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from dataplatform.contracts import Contract
from quality_svc.contracts.clauses import INTEGER_BITS, service_level
from quality_svc.contracts.demands import Clause
from quality_svc.contracts.result import NotEnforced
from quality_svc.contracts.types import physical_type

REASONS: Final[dict[str, str]] = {
    "transport": "how and where the data are served is not this platform's to check",
    "organisational": "it binds people, not data",
    "custom_property": "its meaning is its author's",
    "text_only": "a rule in words",
    "foreign_engine": "it is written for another engine",
    "not_understood": "the rule is not complete, or leads out of the contract",
    "schedule": "rules are checked with every version",
    "storage_layout": "it says how another system stores the data",
    "lineage": "it describes how the data were made",
    "informative": "it demands nothing of the values",
    "nested": "what is inside of lists and objects is not checked",
    "unknown_physical_type": "the type is that of one system",
    "unknown_format": "the format is not known",
    "service_level": "it is about the service, or names no column and unit",
    "other_dataset": "it leads to a table outside of the contract",
}
"""Every reason and its sentence."""

_TOP: Final = {
    "servers": "transport",
    "support": "organisational",
    "price": "organisational",
    "team": "organisational",
    "roles": "organisational",
}
_OBJECT: Final[dict[str, str]] = {}
_PROPERTY: Final = {
    "partitioned": "storage_layout",
    "encryptedName": "storage_layout",
    "transformSourceObjects": "lineage",
    "transformLogic": "lineage",
    "transformDescription": "lineage",
    "classification": "informative",
    "criticalDataElement": "informative",
    "items": "nested",
    "properties": "nested",
}
_OPTIONS: Final = {
    "maxProperties": "nested",
    "minProperties": "nested",
    "required": "nested",
    "defaultTimezone": "informative",
}


def not_enforced(contract: Contract, clauses: Sequence[Clause]) -> tuple[NotEnforced, ...]:
    """Return all that is not enforced, in the order of the document."""
    enforced = {clause.path for clause in clauses}
    found = list(_named(contract.document, "", _TOP))
    for index, body in enumerate(contract.objects):
        path = f"/schema/{index}"
        found += _named(body, path, _OBJECT)
        found += _checks(body, path, enforced)
        for number, column in enumerate(body.get("properties") or ()):
            found += _of_property(column, f"{path}/properties/{number}", enforced)
    for number, level in enumerate(contract.document.get("slaProperties") or ()):
        demand, _ = service_level(level, str(contract.document.get("slaDefaultElement") or ""))
        if demand is None:
            found.append(_one(f"/slaProperties/{number}", str(level.get("property")), "service_level"))
    return tuple(found)


def _one(path: str, what: str, reason: str) -> NotEnforced:
    return NotEnforced(path=path, what=what[:200], reason=reason)


def _named(body: Mapping[str, Any], path: str, reasons: Mapping[str, str]) -> Iterator[NotEnforced]:
    for key, reason in reasons.items():
        if body.get(key):
            yield _one(f"{path}/{key}", key, reason)
    for number, custom in enumerate(body.get("customProperties") or ()):
        yield _one(f"{path}/customProperties/{number}", str(custom.get("property")), "custom_property")


def _checks(body: Mapping[str, Any], path: str, enforced: Collection[str]) -> Iterator[NotEnforced]:
    """Name the quality rules and relationships that are not enforced, and schedules, which none needs."""
    for number, rule in enumerate(body.get("quality") or ()):
        place = f"{path}/quality/{number}"
        if place not in enforced:
            kind = str(rule.get("type", "library"))
            reason = {"text": "text_only", "custom": "foreign_engine"}.get(kind, "not_understood")
            what = str(rule.get("engine") or rule.get("metric") or rule.get("rule") or rule.get("name") or kind)
            yield _one(place, what, reason)
        if rule.get("schedule") or rule.get("scheduler"):
            yield _one(f"{place}/schedule", "schedule", "schedule")
        yield from _named(rule, place, {})
    for number, _ in enumerate(body.get("relationships") or ()):
        if f"{path}/relationships/{number}" not in enforced:
            yield _one(f"{path}/relationships/{number}", "relationship", "other_dataset")


def _of_property(body: Mapping[str, Any], path: str, enforced: Collection[str]) -> Iterator[NotEnforced]:
    yield from _named(body, path, _PROPERTY)
    yield from _checks(body, path, enforced)
    physical = body.get("physicalType")
    if physical and physical_type(physical) is None:
        yield _one(f"{path}/physicalType", str(physical), "unknown_physical_type")
    options = body.get("logicalTypeOptions") or {}
    for key, reason in _OPTIONS.items():
        if key in options:
            yield _one(f"{path}/logicalTypeOptions/{key}", key, reason)
    text = options.get("format")
    if text is None or f"{path}/logicalTypeOptions/format" in enforced:
        return
    logical = body.get("logicalType")
    if logical not in {"date", "timestamp", "time"} and not INTEGER_BITS.fullmatch(str(text)):
        yield _one(f"{path}/logicalTypeOptions/format", str(text), "unknown_format")
