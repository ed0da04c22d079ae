"""Decisions on alerts: raise, resolve, acknowledge. The caller owns the transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from dataplatform.events.base import Event
from dataplatform.events.catalog import AcknowledgementRequested
from dataplatform.events.quality import OpenAlert
from dataplatform.log import store
from dataplatform.log.envelope import Context
from quality_svc.alerts import domain
from quality_svc.alerts.domain import Alarm

_SERVICE = "quality-svc"


async def settle(
    connection: Any,
    dataset: UUID,
    run: UUID,
    alarms: Sequence[Alarm],
    open_before: Collection[OpenAlert],
    *,
    now: datetime,
    context: Context,
) -> None:
    """Raise what alarms and is not open; resolve what was open before and alarms no more."""
    alarming = {alarm.alert_of(dataset) for alarm in alarms}
    for alarm in alarms:
        state, version = await _state(connection, alarm.alert_of(dataset))
        await _append(connection, version, domain.raised(alarm, dataset, run, state, now), now, context)
    for alert in open_before:
        if alert.alert_id not in alarming:
            state, version = await _state(connection, alert.alert_id)
            await _append(connection, version, domain.resolved(dataset, alert.alert_id, state, now), now, context)


async def acknowledge(connection: Any, request: AcknowledgementRequested, context: Context) -> None:
    """Record that a person has seen an alert, unless it is over or somebody did before."""
    state, version = await _state(connection, request.alert_id)
    event = domain.acknowledged(request.dataset_id, request.alert_id, state, request.requested_by, request.requested_at)
    await _append(connection, version, event, request.requested_at, context)


async def _state(connection: Any, alert: UUID) -> tuple[domain.State, int]:
    history = await store.load(connection, domain.stream_of(alert))
    return domain.state_of(envelope.event() for envelope in history), len(history)


async def _append(connection: Any, version: int, event: Event | None, now: datetime, context: Context) -> None:
    if event is not None:
        await store.append(connection, version, [event], service=_SERVICE, now=now, context=context)
