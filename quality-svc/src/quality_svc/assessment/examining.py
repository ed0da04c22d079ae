"""The closer look at a version, as the sandbox runs it: relations, suitability, anomalies, drift; never in a hurry.

It runs beside assessments, which people wait for: it lowers its own priority, and imports what it needs only when it
runs, so an idle worker carries none of it. What is returned goes into events: kinds, counts and names of columns, never
a value of the data.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dataplatform.engine import EngineLimits

_NICENESS: Final = 15
_LONGEST_SUBJECT: Final = 500


def examine(argument: dict[str, Any]) -> dict[str, Any]:
    """Write the document and the signature of a version; the sandbox's target, JSON in and JSON out.

    In: `name`, `tables` (`index`, `name`, `parts`), `document` and `signature` (files to write), `history` (files of
    earlier signatures, the earliest first; the last is what is compared with), `made_at` (ISO 8601), `memory_bytes`,
    `threads`, `scratch`, `seed`. Out: `suitability`, `anomalies`, `drift`, `alarms`, `failed_sections`. Raises what
    profiling a table raises.
    """
    os.nice(_NICENESS)
    from quality_svc.assessment.building import Source, Wanted, build  # noqa: PLC0415 - heavy: only where it runs
    from quality_svc.assessment.local import signature  # noqa: PLC0415
    from quality_svc.drift import VersionSignature, compare  # noqa: PLC0415

    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    sources = [Source.of(table) for table in argument["tables"]]
    made_at = datetime.fromisoformat(argument["made_at"])
    now = signature(sources, limits).model_copy(update={"as_of": made_at})
    Path(argument["signature"]).write_text(now.model_dump_json(exclude_none=True), "utf-8")
    document, failures = build(
        argument["name"],
        sources,
        limits,
        seed=argument["seed"],
        wanted=Wanted(scores=False, suitability=True, suggestions=True),
    )
    drift = None
    past = [VersionSignature.model_validate_json(Path(file).read_bytes()) for file in argument["history"]]
    if past:
        drift = compare(past[-1], now, history=past[:-1])
        document = document.model_copy(update={"drift": drift})
    Path(argument["document"]).write_text(document.model_dump_json(exclude_none=True), "utf-8")
    kinds = Counter[str]()
    for count in document.anomalies.by_column:
        kinds[count.kind] += count.found
    return {
        "suitability": _best(found for table in document.tables for found in table.suitability),
        "anomalies": [{"kind": kind, "count": count} for kind, count in sorted(kinds.items())],
        "drift": drift.verdict if drift else "not_compared",
        "alarms": _alarms(drift.alarms if drift else ()),
        "failed_sections": sorted({failure.section for failure in failures}),
    }


def _best(found: Iterable[Any]) -> list[dict[str, Any]]:
    """Return for each task the table that suits it best."""
    best: dict[str, Any] = {}
    order = {"unsuitable": 0, "conditional": 1, "suitable": 2}
    for one in found:
        known = best.get(one.task)
        if known is None or (order[one.verdict], one.score) > (order[known.verdict], known.score):
            best[one.task] = one
    return [{"task": one.task, "verdict": one.verdict, "score": one.score} for _, one in sorted(best.items())]


def _alarms(alarms: Sequence[tuple[str | None, Any]]) -> list[dict[str, str]]:
    """Return each kind and subject once, with its worst severity."""
    worst: dict[tuple[str, str], str] = {}
    for table, finding in alarms:
        subject = "/".join(name for name in (table, finding.column) if name)[:_LONGEST_SUBJECT]
        if worst.get((finding.kind, subject)) != "critical":
            worst[finding.kind, subject] = finding.severity
    return [{"kind": kind, "subject": subject, "severity": severity} for (kind, subject), severity in worst.items()]
