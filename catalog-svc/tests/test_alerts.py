"""Examinations and alerts over HTTP: who sees them, who acknowledges, and what that says to quality-svc."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events import identity

pytestmark = pytest.mark.integration

REQUESTS = "SELECT data FROM events WHERE type = 'acknowledgement.requested.v1'"


@pytest.fixture
def upload(story: Any, inbox: ProjectionInbox) -> Any:
    """A published upload whose version nobody has looked at more closely."""
    made = story.upload()
    inbox.receive(story.enclose(made, *story.run(made), story.assessment(made)))
    return made


async def test_a_version_shows_its_examination_once_there_is_one(
    upload: Any, story: Any, inbox: ProjectionInbox, client: httpx.AsyncClient, objects_folder: Any
) -> None:
    address = f"/api/v1/versions/{identity.run_id(upload.upload_id)}"
    before = (await client.get(address)).json()
    assert (before["examination"], before["suitability"]) == (None, [])
    assert (await client.get(f"{address}/examination")).status_code == 404
    inbox.receive(story.enclose(story.examination_failed(upload)))
    failed = (await client.get(address)).json()["examination"]
    assert (failed["status"], failed["reason_code"]) == ("failed", "timed_out")
    event = story.examination(upload, b'{"assessment": "1"}')
    path = objects_folder / event.document.key
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"assessment": "1"}')
    inbox.receive(story.enclose(event))
    after = (await client.get(address)).json()
    assert (after["examination"]["status"], after["examination"]["drift"]) == ("completed", "drifted")
    assert after["examination"]["anomalies"] == [{"kind": "typo", "count": 2}]
    assert [found["task"] for found in after["suitability"]] == ["reporting"]
    assert (await client.get(after["links"]["examination"])).json() == {"assessment": "1"}


async def test_alerts_are_listed_open_ones_first_and_resolved_ones_on_request(
    upload: Any, story: Any, inbox: ProjectionInbox, client: httpx.AsyncClient
) -> None:
    inbox.receive(story.enclose(*story.alert(upload)))
    inbox.receive(story.enclose(*story.alert(upload, "gone")[:3]))
    address = f"/api/v1/datasets/{upload.dataset_id}/alerts"
    (raised,) = (await client.get(address)).json()["items"]
    assert (raised["subject"], raised["state"], raised["acknowledged_at"]) == ("table 0/pm10", "raised", None)
    (resolved,) = (await client.get(address, params={"state": "resolved"})).json()["items"]
    assert (resolved["subject"], resolved["resolved_reason"]) == ("gone", "clean_version")
    assert (await client.get(f"/api/v1/alerts/{raised['alert_id']}")).json() == raised
    assert (await client.get(address, params={"state": "lost"})).status_code == 422


async def test_a_steward_acknowledges_and_quality_is_told_who_and_when(
    upload: Any,
    story: Any,
    inbox: ProjectionInbox,
    client: httpx.AsyncClient,
    make_token: Callable[..., dict[str, str]],
    catalog: psycopg.Connection[Any],
) -> None:
    inbox.receive(story.enclose(*story.alert(upload)))
    inbox.receive(story.enclose(*story.alert(upload, "gone")[:3]))
    alert, gone = (identity.alert_id(upload.dataset_id, "distribution", name) for name in ("table 0/pm10", "gone"))
    address = f"/api/v1/alerts/{alert}/acknowledge"
    assert (await client.post(address)).status_code == 401
    assert (await client.post(address, headers=make_token("ann", demo="uploader"))).status_code == 403
    steward = make_token("bob", demo="steward")
    assert (await client.post(f"/api/v1/alerts/{gone}/acknowledge", headers=steward)).status_code == 409
    assert (await client.post(f"/api/v1/alerts/{upload.dataset_id}/acknowledge", headers=steward)).status_code == 404
    assert (await client.post(address, headers=steward)).status_code == 202
    ((told,),) = catalog.execute(REQUESTS).fetchall()
    assert (told["alert_id"], told["dataset_id"]) == (str(alert), str(upload.dataset_id))
