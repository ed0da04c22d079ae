"""What enforcing a contract says: a result for each clause, and a name for all that is not enforced. Pure."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from quality_svc.checks.context import RuleTally
from quality_svc.profile.document import Part
from quality_svc.rules.model import RuleResult


class ClauseResult(Part):
    """Whether one clause is kept. `path` is the JSON pointer of what demands it, `clause` its kind."""

    path: str
    clause: str
    object: str = Field(description="Name of the contract's object")
    table: str | None = Field(default=None, description="Name of the table that it was held against")
    result: RuleResult


class NotEnforced(Part):
    """A part of the contract that this platform does not check, and why: a code."""

    path: str
    what: str
    reason: str


class ContractResult(Part):
    """Whether the tables keep a contract. It is kept where nothing critical failed; the rest is for people to weigh."""

    contract_id: str
    contract_version: str
    api_version: str
    state: Literal["kept", "broken", "not_evaluated"]
    passed: int
    failed: int
    not_evaluated: int
    critical_failed: int
    clauses: tuple[ClauseResult, ...]
    not_enforced: tuple[NotEnforced, ...]
    undeclared_tables: tuple[str, ...] = Field(default=(), description="Tables that the contract does not describe")
    undeclared_columns: tuple[str, ...] = Field(default=(), description="As `table.column`")

    def tallies(self, table: str | None = None) -> tuple[RuleTally, ...]:
        """Return the outcome of each clause, of one table or of all, for measures and scores."""
        return tuple(
            RuleTally(clause.path, clause.result.tally().met, critical=clause.result.severity == "critical")
            for clause in self.clauses
            if table is None or clause.table == table
        )


def counted_result(clauses: Iterable[ClauseResult], **rest: object) -> ContractResult:
    """Return the whole result of clauses."""
    found = tuple(clauses)
    states = [clause.result.state for clause in found]
    critical = sum(clause.result.state == "failed" and clause.result.severity == "critical" for clause in found)
    evaluated = len(found) - states.count("not_evaluated")
    return ContractResult.model_validate(
        {
            "state": "broken" if critical else "kept" if evaluated else "not_evaluated",
            "passed": states.count("passed"),
            "failed": states.count("failed"),
            "not_evaluated": states.count("not_evaluated"),
            "critical_failed": critical,
            "clauses": found,
            **rest,
        }
    )
