"""The role `consumer`: uploads and requests become jobs; overrides are kept; events and heartbeats are relayed."""

from dataplatform.events.catalog import DATASETS, SchemaOverridden
from dataplatform.events.heartbeats import PROCESSING
from dataplatform.events.ingest import (
    UPLOADS,
    ProcessingCancelled,
    ProcessingRequested,
    UploadReceived,
    UploadWithdrawn,
)
from dataplatform.jobs.heartbeats import HeartbeatRelay
from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Context, Envelope
from dataplatform.log.postgres import Executor
from dataplatform.roles import run_consumer
from processing_svc import commands, domain, stickiness
from processing_svc.domain import CONSUMER, QUEUE, Run
from processing_svc.settings import ProcessingSettings


def dispatcher(settings: ProcessingSettings) -> Dispatcher:
    """Return what this service does with the events of the topics it reads."""
    dispatch = Dispatcher(CONSUMER)

    @dispatch.on(UploadReceived)
    async def on_upload_received(connection: Executor, upload: UploadReceived, envelope: Envelope) -> None:
        await commands.request_run(connection, Run(upload), Context.caused_by(envelope), settings.parse_attempts)

    @dispatch.on(UploadWithdrawn)
    async def on_upload_withdrawn(connection: Executor, withdrawn: UploadWithdrawn, envelope: Envelope) -> None:
        context = Context.caused_by(envelope)
        await commands.cancel_runs(connection, withdrawn.upload_id, "upload_withdrawn", withdrawn.withdrawn_at, context)

    @dispatch.on(ProcessingRequested)
    async def on_processing_requested(connection: Executor, asked: ProcessingRequested, envelope: Envelope) -> None:
        run = Run(asked.upload, asked)
        await commands.request_run(connection, run, Context.caused_by(envelope), settings.parse_attempts)

    @dispatch.on(ProcessingCancelled)
    async def on_processing_cancelled(connection: Executor, taken: ProcessingCancelled, envelope: Envelope) -> None:
        at, context = taken.cancelled_at, Context.caused_by(envelope)
        await commands.cancel_runs(connection, taken.upload_id, "request_cancelled", at, context, only=taken.run_id)

    @dispatch.on(SchemaOverridden)
    async def on_schema_overridden(connection: Executor, overridden: SchemaOverridden, _envelope: Envelope) -> None:
        await stickiness.keep(connection, overridden)

    return dispatch


async def run(settings: ProcessingSettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    heartbeats = HeartbeatRelay(
        settings.database_url, settings.kafka_bootstrap_servers, PROCESSING, QUEUE, domain.pulse_of
    )
    await run_consumer(
        settings,
        consumer=CONSUMER,
        topics=[UPLOADS, DATASETS],
        apply=dispatcher(settings).apply,
        also=lambda _pool: (heartbeats.run,),
    )
