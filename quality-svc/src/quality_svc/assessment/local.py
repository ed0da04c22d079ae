"""`dataplatform assess` as the sandbox runs it: tables of a file, perhaps a contract and an older file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataplatform.engine import EngineLimits
from dataplatform.jobs.progress import TablesProgress
from quality_svc.assessment.building import Source, Wanted, build
from quality_svc.assessment.document import Assessment, Failure
from quality_svc.checks.context import TableContext
from quality_svc.contracts import ContractResult, enforce, read_contract
from quality_svc.contracts.declared import declared_of, frequency_of
from quality_svc.contracts.enforcement import at_hand, match_tables
from quality_svc.drift import VersionSignature, compare, measure_signature
from quality_svc.drift.document import Drift
from quality_svc.reporting import render
from quality_svc.rules.model import Surroundings


def assess_file(argument: dict[str, Any]) -> dict[str, Any]:
    """Write the assessment of a file to `document`; the sandbox's target, JSON in and JSON out.

    In: `name`, `tables` (`index`, `name`, `parts`, `columns` of the extraction's report), `document`, `scratch`,
    `memory_bytes`, `threads`, `seed`, `rows` (every row's score), `reference` (tables of the older file) or None,
    `contract` (`text`, and `at`: the time that ages are measured at) or None, `html` (whether to write the page beside
    the document).
    Out: `critical_failed`, the critical rules that failed. Raises what profiling a table raises.
    """
    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    sources = [Source.of(table) for table in argument["tables"]]
    contract = None
    if argument["contract"] is not None:
        contract, sources = _enforced(argument["contract"], sources, limits)
    progress = TablesProgress()
    document, failures = build(
        argument["name"],
        sources,
        limits,
        seed=argument["seed"],
        wanted=Wanted(rows=argument["rows"]),
        rules=contract.tallies() if contract else (),
        began=progress.begin,
    )
    document = document.model_copy(update={"contract": contract})
    if argument.get("reference") is not None:
        document = _with_drift(
            document, failures, [Source.of(table) for table in argument["reference"]], sources, limits
        )
    Path(argument["document"]).write_text(document.model_dump_json(exclude_none=True), "utf-8")
    if argument["html"]:
        Path(argument["document"]).with_suffix(".html").write_text(render(document), "utf-8")
    return {"critical_failed": _critical(contract)}


def _enforced(
    given: Mapping[str, Any], sources: Sequence[Source], limits: EngineLimits
) -> tuple[ContractResult, list[Source]]:
    """Return what the contract came to, and the tables with what it declares of them."""
    contract = read_contract(given["text"].encode())
    around = Surroundings(reference_time=datetime.fromisoformat(given["at"]))
    result = enforce(contract, sources, limits, around)
    matched = match_tables(contract, sources)
    known = at_hand(contract, matched, around).tables
    objects = {table.parts: name for name, table in matched.items()}
    described = []
    for source in sources:
        name = objects.get(source.parts)
        declared = {} if name is None else declared_of(contract, name, pq.read_schema(source.parts[0]).names, known)
        context = TableContext(
            **declared,
            frequency_seconds=frequency_of(contract),
            reference_time=around.reference_time,
            contract=result.tallies(source.name),
        )
        described.append(replace(source, context=context))
    return result, described


def _critical(contract: ContractResult | None) -> list[str]:
    """Return the critical clauses that failed: names where they have one, else where they stand."""
    clauses = contract.clauses if contract else ()
    failed = [clause for clause in clauses if clause.result.state == "failed" and clause.result.severity == "critical"]
    return [clause.result.name or clause.path for clause in failed]


def signature(sources: Sequence[Source], limits: EngineLimits) -> VersionSignature:
    """Return the signature of all tables."""
    return VersionSignature(
        tables=tuple(measure_signature(one.parts, limits, name=one.name, index=one.index) for one in sources)
    )


def _with_drift(
    document: Assessment, failures: list[Failure], old: Sequence[Source], new: Sequence[Source], limits: EngineLimits
) -> Assessment:
    drift: Drift = compare(signature(old, limits), signature(new, limits))
    updates: Mapping[str, Any] = {"drift": drift, "failures": tuple(failures)}
    return document.model_copy(update=updates)
