"""Contracts of the Open Data Contract Standard: whether tables keep them, what of them nobody checks, how one is made.

`clauses` finds what a contract demands, `enforcement` judges the tables by it, `unenforced` names the rest, `drafting`
makes a contract of a profile and accepted rules. Reading and writing the document is in `dataplatform.contracts`.
"""

from dataplatform.contracts import Contract, InvalidContractError, read_contract
from quality_svc.contracts.drafting import draft, rules_in, with_rules
from quality_svc.contracts.enforcement import enforce
from quality_svc.contracts.result import ClauseResult, ContractResult, NotEnforced

__all__ = [
    "ClauseResult",
    "Contract",
    "ContractResult",
    "InvalidContractError",
    "NotEnforced",
    "draft",
    "enforce",
    "read_contract",
    "rules_in",
    "with_rules",
]
