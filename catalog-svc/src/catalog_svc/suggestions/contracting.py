"""A clause written into a contract. Pure: from one document to the next; everything else in it stays as it was."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from dataplatform.contracts import Contract, contract_of

_SEMANTIC: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


def first_contract(contract_id: str, name: str) -> dict[str, Any]:
    """Return a contract that demands nothing yet, for a dataset that has none."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": contract_id,
        "name": name,
        "version": "0.0.0",
        "status": "active",
    }


def with_clause(
    document: Mapping[str, Any], table: str, column: str | None, clause: Mapping[str, Any], *, single: bool
) -> Contract:
    """Return the contract with a clause added to what it says of a table, or of its column.

    Raises `InvalidContractError`.
    The table is the object of its name or physical name, case and signs aside; with `single` (the dataset has one
    table) the contract's only object. What is not there yet is added. A clause that is there changes nothing; else the
    minor version grows, where the contract's version is of three numbers.
    """
    made = deepcopy(dict(document))
    body = _object(made.setdefault("schema", []), table, single=single)
    owner = body if column is None else _property(body.setdefault("properties", []), column)
    quality = owner.setdefault("quality", [])
    if clause not in quality:
        quality.append(dict(clause))
        found = _SEMANTIC.fullmatch(str(made.get("version", "")))
        if found:
            made["version"] = f"{found[1]}.{int(found[2]) + 1}.0"
    return contract_of(made)


def _object(objects: list[dict[str, Any]], table: str, *, single: bool) -> dict[str, Any]:
    alike = [found for found in objects if _plain(table) in _names(found)]
    if len(alike) != 1 and single and len(objects) == 1:
        alike = objects
    if len(alike) != 1:
        objects.append({"name": table, "logicalType": "object", "physicalType": "table"})
        return objects[-1]
    return alike[0]


def _property(properties: list[dict[str, Any]], column: str) -> dict[str, Any]:
    for names in (("physicalName",), ("name",)):
        for found in properties:
            if any(found.get(name) == column for name in names):
                return found
    alike = [found for found in properties if str(found["name"]).casefold() == column.casefold()]
    if len(alike) != 1:
        properties.append({"name": column})
        return properties[-1]
    return alike[0]


def _names(found: Mapping[str, Any]) -> Sequence[str]:
    return [_plain(str(found[name])) for name in ("name", "physicalName") if found.get(name)]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
