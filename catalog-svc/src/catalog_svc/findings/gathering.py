"""One list of all that was found of a version, gathered from the documents about it.

Sources: the report of processing-svc (repairs, findings, values that did not fit, parts without a table), the result of
the contract, the closer look of quality-svc (suspicious cells as counts, drift). A finding quotes no cell of a table:
`evidence` is where the document is that may.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from catalog_svc.picking import pick
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem

Severity = Literal["info", "warning", "critical"]
Source = Literal["report", "contract", "anomalies", "drift"]

MOST: Final = 50_000
"""Most findings of a version that are listed: beyond that, the documents tell."""
_DRIFT_TABLE: Final = "drift.tables.item.table"
_DRIFT_FINDING: Final = "drift.tables.item.findings.item"


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents about a version, as far as there are any, and its tables' names by index."""

    version: str
    report: ObjectRef | None
    contract: ObjectRef | None
    examination: ObjectRef | None
    tables: Mapping[int, str]

    def evidence(self, document: str) -> str:
        """Return where a document is read."""
        return f"/api/v1/versions/{self.version}/{document}"


async def gather(found: Documents) -> list[dict[str, Any]]:
    """Return every finding of a version; raises the problems of `pick`, and 413 where there are too many."""
    gathered: list[dict[str, Any]] = []
    alike: Counter[str] = Counter()
    for source in (_of_report(found), _of_contract(found), _of_examination(found)):
        async for finding in source:
            identity = _identity(finding)
            alike[identity] += 1
            finding["finding_id"] = f"{identity}-{alike[identity]}"
            gathered.append(finding)
            if len(gathered) > MOST:
                raise Problem("document_too_large", "Document too large", 413, f"there are more than {MOST:,} findings")
    return gathered


async def _of_report(found: Documents) -> AsyncIterator[dict[str, Any]]:
    if found.report is None:
        return
    evidence = found.evidence("report")
    async for place, part in pick(found.report, ("tables.item", "unextracted.item", "findings.item")):
        if place == "tables.item":
            for finding in _of_table(part, evidence):
                yield finding
        elif place == "unextracted.item":
            name = part.get("source", {}).get("name")
            yield _finding("report", "unextracted", part["reason_code"], "warning", evidence, table=name)
        else:
            yield _finding("report", "finding", part["kind"], "warning", evidence, detail=part.get("detail"))


def _of_table(table: Mapping[str, Any], evidence: str) -> list[dict[str, Any]]:
    name = table["name"]
    repairs = [
        _finding("report", "repair", kind, "info", evidence, table=name, count=count)
        for kind, count in table.get("repair_counts", {}).items()
    ]
    told = [
        _finding("report", "finding", kind, "warning", evidence, table=name, count=count)
        for kind, count in table.get("finding_counts", {}).items()
    ]
    misfits = [
        _finding(
            "report", "misfit", "failed_casts", "warning", evidence, table=name, column=column["name"], count=count
        )
        for column in table.get("columns", ())
        if (count := column.get("failed_casts", {}).get("count", 0))
    ]
    return [*repairs, *told, *misfits]


async def _of_contract(found: Documents) -> AsyncIterator[dict[str, Any]]:
    if found.contract is None:
        return
    evidence = found.evidence("contract-result")
    async for _, clause in pick(found.contract, ("clauses.item",)):
        result = clause["result"]
        if result["state"] != "failed":
            continue
        columns = result.get("columns") or []
        yield _finding(
            "contract", "rule", result["kind"], result["severity"], evidence, table=clause.get("table"),
            column=columns[0] if len(columns) == 1 else None, count=result.get("failed"), detail=clause["path"],
        )  # fmt: skip


async def _of_examination(found: Documents) -> AsyncIterator[dict[str, Any]]:
    if found.examination is None:
        return
    evidence, table = found.evidence("examination"), None
    wanted = ("anomalies.by_column.item", "drift.findings.item", _DRIFT_TABLE, _DRIFT_FINDING)
    async for place, part in pick(found.examination, wanted):
        if place == _DRIFT_TABLE:
            table = part
        elif place == "anomalies.by_column.item":
            yield _finding(
                "anomalies", "anomaly", part["kind"], "info", evidence, table=found.tables.get(part["table"]),
                column=part["column"], count=part["found"],
            )  # fmt: skip
        else:
            where = table if place == _DRIFT_FINDING else None
            yield _finding(
                "drift", "drift", part["kind"], part["severity"], evidence, table=where, column=part.get("column")
            )


def _finding(source: Source, kind: str, code: str, severity: Severity, evidence: str, **more: Any) -> dict[str, Any]:
    absent = dict.fromkeys(("table", "column", "count", "detail"))
    return {"source": source, "kind": kind, "code": code, "severity": severity, "evidence": evidence, **absent, **more}


def _identity(finding: Mapping[str, Any]) -> str:
    said = [finding[name] for name in ("source", "kind", "code", "table", "column", "detail")]
    return sha256(repr(said).encode()).hexdigest()[:16]
