"""From what was heard of an upload and its runs to what a person is shown. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from dataplatform.events.heartbeats import LISTED_TABLES

Stage = Literal[
    "receiving",
    "stored",
    "parsing",
    "assessing",
    "publishing",
    "held",
    "published",
    "failed",
    "rejected",
    "withdrawn",
    "unchanged",
]

FINAL: Final = frozenset({"held", "published", "failed", "rejected", "withdrawn", "unchanged"})
CANCELLED: Final = "request_cancelled"

STALLED: Final[dict[str, str]] = {
    "run_never_started": "no worker took the upload on in time",
    "parsing_went_silent": "nothing was heard of the making of its tables for too long",
    "assessment_went_silent": "nothing was heard of its assessment for too long",
    "never_published": "it was assessed, but not published in time",
}
"""Reason codes of `upload.stalled`, and their sentences."""

HELD: Final[dict[str, str]] = {
    "awaiting_publication": "versions of this dataset are published by a steward",
    "critical_rule_failed": "a critical rule of the dataset's contract failed; a steward may publish it all the same",
}
"""Reason codes of `version.held`, and their sentences."""

ABANDONED: Final[dict[str, str]] = {
    "upload_expired": "the upload was not finished in time, and what had come of it was removed",
    "upload_terminated": "the client ended the upload before it was whole",
}
"""Reason codes of an upload that never was whole."""

Row = Mapping[str, Any]


def stage_of_run(run: Row) -> Stage:
    """Return where a run is by what was heard of it; what completed stays so, whatever failed before or after."""
    if run["published_at"] is not None:
        return "published"
    if run["held_at"] is not None:
        return "held"
    if run["completed_at"] is None:
        if run["failed_at"] is not None:
            return "failed"
        return "parsing" if run["started_at"] is not None else "stored"
    if run["assessed_at"] is not None:
        return "publishing"
    return "failed" if run["assessment_failed_at"] is not None else "assessing"


def current_run(runs: Sequence[Row]) -> Row | None:
    """Return the run that was asked for last and not taken back; the first is that of the upload itself."""
    asked = [run for run in runs if run["requested_at"] is not None]
    asked.sort(key=lambda run: (run["requested_at"], str(run["run_id"])))
    kept = [run for run in asked if run["reason_code"] != CANCELLED or stage_of_run(run) != "failed"]
    found = kept or asked
    return found[-1] if found else None


def snapshot_of(upload: Row, runs: Sequence[Row]) -> dict[str, Any]:
    """Return what is shown of an upload, as JSON without nulls. `at` is the time of the last that was heard."""
    run = current_run(runs) if upload["state"] == "received" else None
    stage, reason = _outcome(upload, run)
    shown = {
        "upload_id": str(upload["upload_id"]),
        "stage": stage,
        "final": stage in FINAL,
        "received_bytes": upload["received_bytes"],
        "size_bytes": upload["size_bytes"],
        "run": _run_shown(run) if run and stage != "stored" else None,
        "version": _version_shown(runs),
        "reason": reason,
        "result_id": str(upload["result_id"]) if upload["result_id"] else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def run_snapshot(run: Row) -> dict[str, Any]:
    """Return what is shown of one run of a request."""
    stage = stage_of_run(run)
    shown = {
        "upload_id": str(run["upload_id"]),
        "stage": stage,
        "final": stage in FINAL,
        **_run_shown(run),
        "reason": _reason_of(run, stage),
        "version": {"version_id": str(run["run_id"]), "number": run["number"]} if stage == "published" else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _outcome(upload: Row, run: Row | None) -> tuple[Stage, dict[str, str] | None]:
    state: str = upload["state"]
    if state == "abandoned":
        return "failed", _reason(upload["reason_code"], ABANDONED.get(upload["reason_code"], ""))
    if state in {"receiving", "unchanged"}:
        return ("receiving" if state == "receiving" else "unchanged"), None
    if state in {"rejected", "withdrawn"}:
        return ("rejected" if state == "rejected" else "withdrawn"), _reason(upload["reason_code"], upload["detail"])
    if run is None:
        return "stored", None
    stage, stalled = stage_of_run(run), upload["stalled"]
    if stalled and stalled["run_id"] == str(run["run_id"]) and stalled["stage"] == stage:
        return "failed", _reason(stalled["reason_code"], STALLED.get(stalled["reason_code"], ""))
    return stage, _reason_of(run, stage)


def _reason_of(run: Row, stage: Stage) -> dict[str, str] | None:
    if stage == "held":
        return _reason(run["held_reason"], HELD.get(run["held_reason"], ""))
    if stage != "failed":
        return None
    if run["completed_at"] is None:
        return _reason(run["reason_code"], run["detail"])
    return _reason(run["assessment_reason"], run["assessment_detail"])


def _reason(code: str | None, detail: str | None) -> dict[str, str] | None:
    return {"code": code, "detail": detail or ""} if code else None


def _run_shown(run: Row) -> dict[str, Any]:
    shown = {
        "run_id": str(run["run_id"]),
        "request_id": str(run["request_id"]) if run["request_id"] else None,
        "handler": run["handler"],
        "handler_version": run["handler_version"],
        **_counts(run),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _counts(run: Row) -> dict[str, Any]:
    """Return rows and tables: as counted at the end, else as the last heartbeat of this stage said."""
    beat = run["beat"] or {}
    of_stage = beat if beat.get("stage") == stage_of_run(run) else {}
    progress = of_stage.get("progress") or {}
    if run["completed_at"] is None:
        return {"attempt": of_stage.get("attempt"), **progress}
    tables = [{**table, "done": True} for table in (run["tables"] or [])[:LISTED_TABLES]]
    counts = {"rows": run["row_count"], "table_count": run["table_count"], "tables": tables}
    assessed = {"assessed_rows": progress.get("rows"), "assessed_tables": progress.get("table_count")}
    return {**counts, "attempt": of_stage.get("attempt"), **{name: value for name, value in assessed.items() if value}}


def _version_shown(runs: Sequence[Row]) -> dict[str, Any] | None:
    """Return the version that is served of this upload: its newest that was not withdrawn."""
    served = [run for run in runs if run["published_at"] is not None and run["version_withdrawn_at"] is None]
    if not served:
        return None
    newest = max(served, key=lambda run: run["number"])
    return {"version_id": str(newest["run_id"]), "number": newest["number"]}
