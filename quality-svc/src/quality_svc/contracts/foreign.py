"""Which tables of other datasets a contract refers to; how such references are written is in `references`."""

from pathlib import Path
from typing import Any

from dataplatform.contracts import Contract, read_contract
from quality_svc.references import split_reference


def tables_of(contract: Contract) -> list[str]:
    """Return the names of the foreign tables that a contract's relationships lead to, each once, sorted."""
    found = set()
    for body in contract.objects:
        for owner in (body, *(body.get("properties") or ())):
            for relationship in owner.get("relationships") or ():
                to = relationship.get("to")
                for target in to if isinstance(to, list) else [to]:
                    if (reference := split_reference(str(target))) is not None:
                        found.add(reference[0])
    return sorted(found)


def list_tables(argument: dict[str, Any]) -> dict[str, Any]:
    """Return the foreign tables of the contract at `path`; a sandbox's target, as contracts come from outside."""
    return {"tables": tables_of(read_contract(Path(argument["path"]).read_bytes()))}
