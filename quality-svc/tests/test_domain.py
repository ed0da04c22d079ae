"""What an assessment may say, and what it never says twice."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import assessment_id
from dataplatform.events.processing import RunCompleted, TableSummary
from quality_svc import domain

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OBJECT = ObjectRef(key="tables/x", sha256="0" * 64, size_bytes=1)


def run_with(tables: int) -> RunCompleted:
    return RunCompleted(
        dataset_id=UUID(int=1),
        run_id=UUID(int=2),
        upload_id=UUID(int=3),
        handler="csv",
        handler_version="1",
        original=OBJECT,
        tables=tuple(
            TableSummary(table_id=UUID(int=n), index=n, name=f"t{n}", parts=(OBJECT,), row_count=1, column_count=1)
            for n in range(tables)
        ),
        completed_at=NOW,
    )


def result_for(tables: int) -> dict[str, Any]:
    measure = {"dimension": "completeness", "numerator": 1, "denominator": 2, "score": 0.5, "definition": "1"}
    rows = [{"table_id": str(UUID(int=n)), "row_count": 1, "measures": [measure]} for n in range(tables)]
    return {"overall": 0.5, "measures": [measure], "tables": rows}


def test_a_job_carries_the_whole_run() -> None:
    run = run_with(2)
    assert domain.run_of(domain.job_payload(run)) == run
    assert domain.dedup_key(run) == str(assessment_id(run.run_id))


def test_a_completed_assessment_belongs_to_the_run_s_assessment() -> None:
    run = run_with(2)
    event = domain.completed(run, OBJECT, result_for(2), NOW)
    assert event.stream == domain.stream_of(assessment_id(run.run_id))
    assert (event.run_id, event.overall, len(event.tables)) == (run.run_id, 0.5, 2)


def test_a_version_of_very_many_tables_keeps_its_event_small() -> None:
    count = domain.INLINE_TABLES + 1
    event = domain.completed(run_with(count), OBJECT, result_for(count), NOW)
    assert (event.tables, len(event.measures)) == ((), 1)


@pytest.mark.parametrize("code", [*domain.FAILURES, "a_code_of_later"])
def test_a_failure_has_a_sentence_of_ours_for_every_code(code: str) -> None:
    event = domain.failed(run_with(1), code, 3, NOW)
    assert (event.reason_code, event.attempts) == (code, 3)
    assert event.detail in domain.FAILURES.values()


def test_an_outcome_is_told_once() -> None:
    run = run_with(1)
    done, failed = domain.completed(run, OBJECT, result_for(1), NOW), domain.failed(run, "crashed", 3, NOW)
    assert domain.admits([], done)
    assert domain.admits([], failed)
    assert not domain.admits([done], done)
    assert not domain.admits([done], failed)
    assert not domain.admits([failed], failed)
    assert domain.admits([failed], done), "a failed assessment can be run again"
    assert not domain.admits([failed, done], failed)
