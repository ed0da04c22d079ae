"""The role `consumer`: runs that completed become jobs, stewards' words about alerts events; all that is relayed."""

from typing import Any

from dataplatform.events.catalog import (
    DATASETS,
    AcknowledgementRequested,
    ContractDefined,
    DatasetRevised,
    VersionErased,
    VersionPublished,
    VersionRestored,
    VersionWithdrawn,
)
from dataplatform.events.heartbeats import QUALITY
from dataplatform.events.processing import RUNS, RunCompleted
from dataplatform.jobs.heartbeats import HeartbeatRelay
from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Context, Envelope
from dataplatform.roles import run_consumer
from quality_svc import commands, history, holding
from quality_svc.alerts import commands as alerts
from quality_svc.domain import CONSUMER, QUEUE, pulse_of
from quality_svc.settings import QualitySettings


def dispatcher(settings: QualitySettings) -> Dispatcher:
    """Return what this service does with the events of the topics it reads."""
    dispatch = Dispatcher(CONSUMER)

    @dispatch.on(RunCompleted)
    async def on_run_completed(connection: Any, run: RunCompleted, envelope: Envelope) -> None:
        await history.note_arrival(connection, run)
        await commands.request_assessment(connection, run, Context.caused_by(envelope), settings.assess_attempts)

    @dispatch.on(AcknowledgementRequested)
    async def on_acknowledgement(connection: Any, request: AcknowledgementRequested, envelope: Envelope) -> None:
        await alerts.acknowledge(connection, request, Context.caused_by(envelope))

    @dispatch.on(ContractDefined)
    async def on_contract_defined(connection: Any, event: ContractDefined, _envelope: Envelope) -> None:
        await holding.hold(connection, event)

    _on_history(dispatch)
    return dispatch


def _on_history(dispatch: Dispatcher) -> None:
    """Register what the catalog says of datasets and versions that later assessments look at."""

    @dispatch.on(DatasetRevised)
    async def on_revised(connection: Any, event: DatasetRevised, _envelope: Envelope) -> None:
        await history.note_revision(connection, event)

    @dispatch.on(VersionPublished)
    async def on_published(connection: Any, event: VersionPublished, _envelope: Envelope) -> None:
        await history.note_published(connection, event)

    @dispatch.on(VersionWithdrawn)
    async def on_withdrawn(connection: Any, event: VersionWithdrawn, _envelope: Envelope) -> None:
        await history.note_withdrawn(connection, event.version_id)

    @dispatch.on(VersionErased)
    async def on_erased(connection: Any, event: VersionErased, _envelope: Envelope) -> None:
        await history.note_withdrawn(connection, event.version_id)
        await commands.forget(connection, event.version_id)

    @dispatch.on(VersionRestored)
    async def on_restored(connection: Any, event: VersionRestored, _envelope: Envelope) -> None:
        await history.note_restored(connection, event.version_id)


async def run(settings: QualitySettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    heartbeats = HeartbeatRelay(settings.database_url, settings.kafka_bootstrap_servers, QUALITY, QUEUE, pulse_of)
    await run_consumer(
        settings,
        consumer=CONSUMER,
        topics=[RUNS, DATASETS],
        apply=dispatcher(settings).apply,
        also=lambda _pool: (heartbeats.run,),
    )
