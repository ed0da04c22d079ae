"""A contract made of a profile and of rules that a steward accepted; and the rules of a contract that are ours. Pure.

A rule that the standard has words for is written in them (required, unique, options, library metrics); any other as
quality of type custom for this platform's engine, so it is imported again as the same rule.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from dataplatform.contracts import Contract, contract_of
from quality_svc.contracts.clauses import clauses_of
from quality_svc.contracts.qualities import ENGINE
from quality_svc.profile.document import ColumnProfile
from quality_svc.rules.model import InSet, NotNull, RowCount, Rule, RuleBase, SqlAssertion, Unique

API_VERSION: Final = "v3.1.0"
_LOGICAL: Final = {
    "integer": "integer",
    "decimal": "number",
    "float": "number",
    "boolean": "boolean",
    "text": "string",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "nested": "object",
}
_SEVERITIES: Final = {"critical": "error", "warning": "warning", "info": "info"}


def draft(
    tables: Mapping[str, Sequence[ColumnProfile]],
    rules: Mapping[str, Sequence[Rule]],
    *,
    contract_id: str,
    name: str,
    version: str = "1.0.0",
) -> Contract:
    """Return a contract of tables, by name, with the rules accepted for each; raises `InvalidContractError`."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": contract_id,
        "name": name,
        "version": version,
        "status": "draft",
        "schema": [_object(table, columns) for table, columns in tables.items()],
    }
    contract = contract_of(document)
    for table, accepted in rules.items():
        contract = with_rules(contract, table, accepted)
    return contract


def with_rules(contract: Contract, name: str, rules: Sequence[Rule]) -> Contract:
    """Return the contract with rules added to its object `name`; raises `KeyError` where it has none of that name."""
    document = deepcopy(dict(contract.document))
    body = next((found for found in document.get("schema") or () if found["name"] == name), None)
    if body is None:
        raise KeyError(name)
    for rule in rules:
        _add(body, rule)
    return contract_of(document)


def rules_in(contract: Contract) -> tuple[Rule, ...]:
    """Return the rules that a contract's clauses are, in the order of the document."""
    return tuple(
        clause.demand.model_copy(update={"severity": clause.severity})
        for clause in clauses_of(contract)
        if isinstance(clause.demand, RuleBase)
    )


def _object(name: str, columns: Sequence[ColumnProfile]) -> dict[str, Any]:
    return {
        "name": name,
        "logicalType": "object",
        "physicalType": "table",
        "properties": [_property(column) for column in columns],
    }


def _property(column: ColumnProfile) -> dict[str, Any]:
    logical = _LOGICAL.get(column.kind)
    if column.kind == "nested" and column.type.startswith(("list", "large_list", "fixed_size_list")):
        logical = "array"
    return {
        "name": column.name,
        **({"logicalType": logical} if logical else {}),
        "physicalType": column.type,
    }


def _add(body: dict[str, Any], rule: Rule) -> None:
    """Write a rule in the standard's words where it has them for all that the rule says."""
    properties = {found["name"]: found for found in body.get("properties") or ()}
    plain = rule.severity == "critical" and not rule.tolerance and not rule.name and not rule.description
    if plain and isinstance(rule, NotNull) and rule.column in properties:
        properties[rule.column]["required"] = True
        return
    if plain and isinstance(rule, Unique) and len(rule.columns) == 1 and rule.columns[0] in properties:
        properties[rule.columns[0]]["unique"] = True
        return
    owner = properties.get(getattr(rule, "column", None) or "", body)
    quality = quality_of(rule, of_table=owner is body)
    if quality not in owner.setdefault("quality", []):
        owner["quality"].append(quality)


def quality_of(rule: Rule, *, of_table: bool) -> dict[str, Any]:
    """Return a rule as an entry of `quality`: of the table (object), or else of the property that it is about."""
    written = _library(rule) if not rule.tolerance else None
    if written is None or (isinstance(rule, InSet | NotNull) and of_table):
        written = {"type": "custom", "engine": ENGINE, "implementation": _implementation(rule)}
    described = {"name": rule.name, "description": rule.description}
    return {
        **{key: value for key, value in described.items() if value},
        **written,
        "severity": _SEVERITIES[rule.severity],
    }


def _implementation(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude_defaults=True) | {"kind": rule.kind}


def _library(rule: Rule) -> dict[str, Any] | None:
    """Return the rule as a library metric or as SQL of the standard, None where it has no words for it."""
    if isinstance(rule, NotNull):
        return {"type": "library", "metric": "nullValues", "mustBe": 0}
    if isinstance(rule, InSet):
        valid = {"validValues": list(rule.values)}
        return {"type": "library", "metric": "invalidValues", "arguments": valid, "mustBe": 0}
    if isinstance(rule, RowCount):
        if rule.maximum is None and rule.minimum is not None:
            return {"type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": rule.minimum}
        if rule.minimum is None and rule.maximum is not None:
            return {"type": "library", "metric": "rowCount", "mustBeLessOrEqualTo": rule.maximum}
    if isinstance(rule, SqlAssertion) and rule.condition and rule.condition.operator == "must_be":
        return {"type": "sql", "query": rule.query, "mustBe": rule.condition.value}
    return None
