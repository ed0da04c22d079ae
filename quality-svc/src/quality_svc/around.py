"""What surrounds a version, as an assessment is given it: its contract, lineage, arrivals, the tables it refers to.

Of it each table gets its context. Runs in the sandbox.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.contracts import Contract, read_contract
from dataplatform.engine import EngineLimits
from quality_svc.checks.context import Lineage, TableContext
from quality_svc.contracts import ContractResult, enforce
from quality_svc.contracts.declared import declared_of, frequency_of
from quality_svc.contracts.enforcement import at_hand, match_tables
from quality_svc.profile.table import TableTooLargeError, UnreadableTableError
from quality_svc.rules.model import Surroundings

_PLACE = b"position"
"""What the metadata of a standardized column has where its place in the original is known."""


class Given(Protocol):
    """A table of the version."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """Return its files."""


class Around:
    """Reads what the worker gave; see `quality_svc.assess.assess` for its fields."""

    def __init__(self, argument: Mapping[str, Any]) -> None:
        self._arrivals = tuple(map(datetime.fromisoformat, argument.get("arrivals", ())))
        self._frequency: float | None = argument.get("frequency_seconds")
        self._lineage: Mapping[str, str] | None = argument.get("lineage")
        self._given: Mapping[str, Any] | None = argument.get("contract")
        self._contract: Contract | None = None
        self._enforced: ContractResult | None = None
        self._objects: dict[Path, str] = {}
        self._surroundings = Surroundings(arrivals=self._arrivals)

    def enforce(self, tables: Sequence[Given], limits: EngineLimits) -> ContractResult | None:
        """Hold the tables against the contract, if one holds, and write the result."""
        if self._given is None:
            return None
        foreign = {name: tuple(map(Path, files)) for name, files in self._given.get("foreign", {}).items()}
        at = datetime.fromisoformat(self._given["at"])
        try:
            contract = read_contract(Path(self._given["path"]).read_bytes())
            self._surroundings = Surroundings(reference_time=at, arrivals=self._arrivals, tables=foreign)
            self._enforced = enforce(contract, tables, limits, self._surroundings)
        except duckdb.OutOfMemoryException as error:
            raise TableTooLargeError(str(error).partition("\n")[0][:500]) from error
        except (duckdb.Error, OSError, pa.ArrowInvalid) as error:
            raise UnreadableTableError(str(error).partition("\n")[0][:500]) from error
        self._contract = contract
        matched = match_tables(contract, tables)
        self._objects = {table.parts[0]: name for name, table in matched.items() if table.parts}
        self._surroundings = at_hand(contract, matched, self._surroundings)
        declared = frequency_of(contract)
        self._frequency = self._frequency if declared is None else declared
        Path(self._given["result"]).write_text(self._enforced.model_dump_json(exclude_none=True), "utf-8")
        return self._enforced

    def of(self, table: Given) -> TableContext:
        """Return what is known about a table from outside of it; raises `UnreadableTableError`."""
        known: dict[str, Any] = {}
        lineage = None
        if table.parts and (self._lineage is not None or self._contract is not None):
            schema = _schema(table.parts[0])
            if self._lineage is not None:
                lineage = _lineage(self._lineage, schema)
            if self._contract is not None and (name := self._objects.get(table.parts[0])) is not None:
                known = declared_of(self._contract, name, schema.names, self._surroundings.tables)
        return TableContext(
            **known,
            lineage=lineage,
            arrivals=self._arrivals,
            frequency_seconds=self._frequency,
            reference_time=self._surroundings.reference_time,
            contract=() if self._enforced is None else self._enforced.tallies(table.name),
        )


def _schema(part: Path) -> pa.Schema:
    try:
        return pq.read_schema(part)
    except (OSError, pa.ArrowInvalid) as error:
        raise UnreadableTableError(str(error).partition("\n")[0][:500]) from error


def _lineage(given: Mapping[str, str], schema: pa.Schema) -> Lineage:
    """Which cells were repaired is known by line of the original, not by row of the table: so it is left open."""
    placed = frozenset(field.name for field in schema if _PLACE in (field.metadata or {}))
    return Lineage(given["original_sha256"], given["handler"], placed, repaired=None)
