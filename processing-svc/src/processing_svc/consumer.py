"""The role `consumer`: uploads become jobs; events of this service are relayed."""

from dataplatform.events.ingest import UPLOADS, UploadReceived, UploadWithdrawn
from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Context, Envelope
from dataplatform.log.postgres import Executor
from dataplatform.roles import run_consumer
from processing_svc import commands
from processing_svc.domain import CONSUMER
from processing_svc.settings import ProcessingSettings


def dispatcher(settings: ProcessingSettings) -> Dispatcher:
    """Return what this service does with the events of the topics it reads."""
    dispatch = Dispatcher(CONSUMER)

    @dispatch.on(UploadReceived)
    async def on_upload_received(connection: Executor, upload: UploadReceived, envelope: Envelope) -> None:
        await commands.request_run(connection, upload, Context.caused_by(envelope), settings.parse_attempts)

    @dispatch.on(UploadWithdrawn)
    async def on_upload_withdrawn(connection: Executor, withdrawn: UploadWithdrawn, _envelope: Envelope) -> None:
        await commands.cancel_run(connection, withdrawn)

    return dispatch


async def run(settings: ProcessingSettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    await run_consumer(settings, consumer=CONSUMER, topics=[UPLOADS], apply=dispatcher(settings).apply)
