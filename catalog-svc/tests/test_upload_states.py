"""What the catalog shows of an upload that is processed again, or of which nothing is heard."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.catalog import VersionPublished
from dataplatform.events.identity import assessment_id, run_id, table_id
from dataplatform.events.ingest import UploadStalled
from dataplatform.events.processing import RunFailed

pytestmark = pytest.mark.integration


def state(catalog: psycopg.Connection[Any], upload_id: object) -> tuple[Any, ...] | None:
    return catalog.execute(
        "SELECT state, reason_code, version_number FROM upload_states WHERE upload_id = %s", [upload_id]
    ).fetchone()


def again(story: Any, upload: Any, variant: str) -> tuple[list[Any], Any]:
    """The events of another run of an upload, and of its assessment."""
    run = run_id(upload.upload_id, variant)
    events = []
    for event in story.run(upload):
        changes: dict[str, Any] = {"run_id": run}
        if hasattr(event, "table_id"):
            changes["table_id"] = table_id(run, event.index)
        if hasattr(event, "tables"):
            changes["tables"] = tuple(
                table.model_copy(update={"table_id": table_id(run, table.index)}) for table in event.tables
            )
        events.append(event.model_copy(update=changes))
    assessment = story.assessment(upload).model_copy(update={"run_id": run, "assessment_id": assessment_id(run)})
    return events, assessment


def test_an_upload_processed_again_is_a_new_version_and_the_old_one_serves_meanwhile(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, *story.run(upload), story.assessment(upload)))
    assert state(catalog, upload.upload_id) == ("published", None, 1)
    run, assessment = again(story, upload, "request")
    for event in (*run, assessment):
        assert state(catalog, upload.upload_id) == ("published", None, 1)
        inbox.receive(story.enclose(event))
    assert state(catalog, upload.upload_id) == ("published", None, 2)
    numbers = catalog.execute(
        "SELECT (data ->> 'number')::int, data ->> 'run_id' FROM events WHERE type = %s ORDER BY position",
        [VersionPublished.type],
    ).fetchall()
    assert numbers == [(1, str(run_id(upload.upload_id))), (2, str(run_id(upload.upload_id, "request")))]
    served = catalog.execute("SELECT version_id FROM search_documents").fetchone()
    assert served == (run_id(upload.upload_id, "request"),)


def test_a_failed_or_cancelled_second_run_takes_nothing_away(catalog: Any, inbox: ProjectionInbox, story: Any) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, *story.run(upload), story.assessment(upload)))
    failure = story.run_failed(upload).model_copy(update={"run_id": run_id(upload.upload_id, "request")})
    inbox.receive(story.enclose(failure))
    assert state(catalog, upload.upload_id) == ("published", None, 1)


def test_a_cancelled_run_does_not_hide_why_the_first_one_failed(
    catalog: Any, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, story.run_failed(upload, "needs_ocr")))
    cancelled = RunFailed(
        dataset_id=upload.dataset_id, run_id=uuid4(), upload_id=upload.upload_id, reason_code="request_cancelled",
        attempts=0, failed_at=story.tick(),
    )  # fmt: skip
    inbox.receive(story.enclose(cancelled))
    assert state(catalog, upload.upload_id) == ("failed", "needs_ocr", None)


@pytest.mark.parametrize(("heard", "stage"), [(0, "stored"), (1, "parsing"), (3, "assessing")])
def test_a_stalled_upload_has_failed_until_its_outcome_comes(
    catalog: Any, inbox: ProjectionInbox, story: Any, heard: int, stage: str
) -> None:
    upload = story.upload()
    run = story.enclose(*story.run(upload))
    inbox.receive([*story.enclose(upload), *run[:heard]])
    mark = UploadStalled(
        dataset_id=upload.dataset_id, upload_id=upload.upload_id, run_id=run_id(upload.upload_id), stage=stage,
        reason_code="went_silent", silent_since=story.tick(), stalled_at=story.tick(),
    )  # fmt: skip
    inbox.receive(story.enclose(mark))
    assert state(catalog, upload.upload_id) == ("failed", "went_silent", None)
    inbox.receive([*run[heard:], *story.enclose(story.assessment(upload))])
    assert state(catalog, upload.upload_id) == ("published", None, 1)
