"""Tables held against a contract: which table is which object, which column which property, and what each clause says.

Everything runs where the tables are; a clause that cannot be evaluated says why, and never passes for that.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

from dataplatform.contracts import Contract
from dataplatform.engine import EngineLimits
from quality_svc.contracts import judging
from quality_svc.contracts.clauses import clauses_of, columns_of
from quality_svc.contracts.demands import (
    AgeDemand,
    Clause,
    Column,
    FrequencyDemand,
    ListDemand,
    MetricDemand,
    TypeDemand,
    ZoneDemand,
)
from quality_svc.contracts.result import ClauseResult, ContractResult, counted_result
from quality_svc.contracts.unenforced import not_enforced
from quality_svc.rules.evaluation import concluded, evaluated
from quality_svc.rules.model import RefersTo, RuleBase, RuleResult, SqlAssertion, Surroundings
from quality_svc.rules.table import Table

_NOWHERE: Final = Surroundings()
_JUDGES: Final[dict[type, Any]] = {
    TypeDemand: judging.types,
    MetricDemand: judging.metric,
    ListDemand: judging.different,
    ZoneDemand: judging.zone,
    AgeDemand: judging.ages,
}


class NamedTable(Protocol):
    """A table to hold against a contract: its name, and its Parquet parts in row order."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """Return its files."""


def enforce(
    contract: Contract, tables: Sequence[NamedTable], limits: EngineLimits, surroundings: Surroundings = _NOWHERE
) -> ContractResult:
    """Return what of the contract the tables keep. Raises `duckdb.Error` where a table is unreadable.

    An object's table is the one of its name or physical name; a contract of one object and a single table belong
    together whatever they are called. A property's column is the one of its physical name or its name; case is ignored
    where that leaves one choice.
    """
    matched = match_tables(contract, tables)
    around = at_hand(contract, matched, surroundings)
    clauses = clauses_of(contract)
    results: list[ClauseResult] = []
    undeclared: list[str] = []
    for index, body in enumerate(contract.objects):
        name = str(body["name"])
        own = [clause for clause in clauses if object_of(clause, contract) == name]
        if name not in matched:
            results += _absent(index, name, own)
            continue
        with _Held(matched[name], index, body, limits) as held:
            results += held.columns_found()
            results += [held.judge(clause, around) for clause in own]
            undeclared += held.undeclared()
    results += [_homeless(clause, around) for clause in clauses if object_of(clause, contract) is None]
    return counted_result(
        results,
        contract_id=contract.id,
        contract_version=contract.version,
        api_version=contract.api_version,
        not_enforced=not_enforced(contract, clauses),
        undeclared_tables=tuple(table.name for table in tables if table not in matched.values()),
        undeclared_columns=tuple(undeclared),
    )


def at_hand(contract: Contract, matched: Mapping[str, NamedTable], surroundings: Surroundings) -> Surroundings:
    """Return the surroundings with the contract's own tables, by the names that references give them."""
    known = dict(surroundings.tables)
    for body in contract.objects:
        table = matched.get(str(body["name"]))
        if table is not None:
            known |= {str(name): table.parts for name in (body["name"], body.get("physicalName")) if name}
    return surroundings.model_copy(update={"tables": known})


def match_tables(contract: Contract, tables: Sequence[NamedTable]) -> dict[str, NamedTable]:
    """Return the table of each object that has one, by the object's name."""
    if len(contract.objects) == len(tables) == 1:
        return {str(contract.objects[0]["name"]): tables[0]}
    found: dict[str, NamedTable] = {}
    for body in contract.objects:
        names = {_plain(str(name)) for name in (body["name"], body.get("physicalName")) if name}
        alike = [table for table in tables if _plain(table.name) in names]
        if len(alike) == 1 and alike[0] not in found.values():
            found[str(body["name"])] = alike[0]
    return found


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def object_of(clause: Clause, contract: Contract) -> str | None:
    """Return the object that a clause is about; a service level may name it in other ways, or not at all."""
    if isinstance(clause.demand, FrequencyDemand):
        return None
    names = [str(body["name"]) for body in contract.objects]
    if clause.object in names:
        return clause.object
    physical = {str(body.get("physicalName") or ""): str(body["name"]) for body in contract.objects}
    if clause.object in physical:
        return physical[clause.object] if clause.object else (names[0] if len(names) == 1 else None)
    return names[0] if len(names) == 1 and not clause.object else None


def column_named(found: Column, columns: Sequence[str]) -> str | None:
    """Return the column that a property describes: of its physical name or its name, case ignored if that is one."""
    names = [str(name) for name in (found.body.get("physicalName"), found.body["name"]) if name]
    known = set(columns)
    for name in names:
        if name in known:
            return name
    folded = {name.casefold() for name in names}
    alike = [name for name in columns if name.casefold() in folded]
    return alike[0] if len(alike) == 1 else None


def _absent(index: int, name: str, clauses: Sequence[Clause]) -> list[ClauseResult]:
    """Return what is to say of an object without a table: it fails once, its clauses are not evaluated."""
    path = f"/schema/{index}"
    detail = {"state": "failed", "reason": "table_not_found", "evaluated": 1, "failed": 1}
    first = _result(path, "table", "critical", {**detail, "detail": f"no table is called {name!r}"})
    rest = {"state": "not_evaluated", "reason": "table_not_found"}
    return [
        ClauseResult(path=path, clause="table", object=name, result=first),
        *(
            ClauseResult(
                path=clause.path,
                clause=clause.kind,
                object=name,
                result=_result(clause.path, clause.kind, clause.severity, rest, clause.name),
            )
            for clause in clauses
        ),
    ]


def _homeless(clause: Clause, surroundings: Surroundings) -> ClauseResult:
    """Judge a clause about no table: how often versions arrive; or one about a table that nobody describes."""
    found: dict[str, Any] = {"state": "not_evaluated", "reason": "element_not_found"}
    if isinstance(clause.demand, FrequencyDemand):
        pauses = [(end - start).total_seconds() for start, end in pairwise(sorted(surroundings.arrivals))]
        late = sum(pause > clause.demand.seconds for pause in pauses)
        found = {"state": "not_evaluated", "reason": "no_arrivals"}
        if pauses:
            found = {"state": "failed" if late else "passed", "evaluated": len(pauses), "failed": late}
    result = _result(clause.path, clause.kind, clause.severity, found, clause.name)
    return ClauseResult(path=clause.path, clause=clause.kind, object=clause.object, result=result)


def _result(path: str, kind: str, severity: str, found: Mapping[str, Any], name: str = "") -> RuleResult:
    return RuleResult.model_validate({"rule_id": path, "kind": kind, "name": name, "severity": severity, **found})


class _Held:
    """One table held against the object that describes it. A context manager."""

    def __init__(self, table: NamedTable, index: int, body: Mapping[str, Any], limits: EngineLimits) -> None:
        self._given = table
        self._properties = columns_of(index, body)
        self._object = str(body["name"])
        self._table = Table(table.parts, limits)

    def __enter__(self) -> "_Held":  # noqa: PYI034 - private, never subclassed
        self._table.__enter__()
        self._names = {found.name: column_named(found, tuple(self._table.columns)) for found in self._properties}
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036 - passed on as it is
        self._table.__exit__(*error)

    def columns_found(self) -> list[ClauseResult]:
        """Say of each property whether it has a column."""
        return [
            self._clause(
                found.path,
                "column",
                _result(
                    found.path,
                    "column",
                    "critical",
                    {"state": "passed", "evaluated": 1, "failed": 0, "columns": (self._names[found.name],)}
                    if self._names[found.name] is not None
                    else {
                        "state": "failed",
                        "reason": "column_not_found",
                        "detail": f"the table has no column {found.name!r}",
                        "columns": (found.name,),
                        "evaluated": 1,
                        "failed": 1,
                    },
                ),
            )
            for found in self._properties
        ]

    def undeclared(self) -> list[str]:
        """Return the table's columns that the object does not describe, where it describes any."""
        described = set(self._names.values())
        return [f"{self._given.name}.{name}" for name in self._table.columns if self._names and name not in described]

    def judge(self, clause: Clause, surroundings: Surroundings) -> ClauseResult:
        """Judge one clause."""
        demand = self._resolved(clause.demand)
        if isinstance(demand, str):
            found = {"state": "not_evaluated", "reason": "column_not_found", "detail": f"there is no column {demand!r}"}
            result = _result(clause.path, clause.kind, clause.severity, found, clause.name)
        elif isinstance(demand, RuleBase):
            result = evaluated(demand, self._table, surroundings)  # type: ignore[arg-type]
            result = result.model_copy(
                update={"rule_id": clause.path, "severity": clause.severity, "name": clause.name or result.name}
            )
        else:
            base = {"rule_id": clause.path, "kind": clause.kind, "name": clause.name, "severity": clause.severity}
            result = concluded(base, lambda: _JUDGES[type(demand)](demand, self._table, surroundings))
        return self._clause(clause.path, clause.kind, result)

    def _clause(self, path: str, kind: str, result: RuleResult) -> ClauseResult:
        return ClauseResult(path=path, clause=kind, object=self._object, table=self._given.name, result=result)

    def _resolved(self, demand: Any) -> Any:
        """Return the demand with the table's own names; the name that is missing where there is no such column."""
        if isinstance(demand, SqlAssertion):
            return demand
        field = "columns" if hasattr(demand, "columns") else "column"
        wanted = getattr(demand, field, None)
        if wanted is None:
            return demand
        names = []
        for name in wanted if isinstance(wanted, tuple) else (wanted,):
            actual = self._names.get(name, name if name in self._table.columns else None)
            if actual is None:
                return name
            names.append(actual)
        value = tuple(names) if isinstance(wanted, tuple) else names[0]
        if isinstance(demand, RuleBase):
            return demand.model_copy(update={field: value})
        return type(demand)(**{**{key: getattr(demand, key) for key in demand.__slots__}, field: value})


def references_of(contract: Contract) -> list[str]:
    """Return the names of other tables that the contract's references lead to."""
    return sorted({clause.demand.table for clause in clauses_of(contract) if isinstance(clause.demand, RefersTo)})
