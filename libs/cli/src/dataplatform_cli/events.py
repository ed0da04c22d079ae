"""`dataplatform events`: look at the log, and at what could not be applied; ask for it to be tried again."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer

from dataplatform.events.registry import EVENT_TYPES, TOPICS
from dataplatform.log import redrive as redriving
from dataplatform.log import store
from dataplatform.log.envelope import Envelope, UndecodableRecordError, from_kafka
from dataplatform.log.postgres import open_connection
from dataplatform.log.replay import replaying
from dataplatform_cli.settings import SERVICES, bootstrap_servers, database_url

LAST = 10
R = TypeVar("R")
app = typer.Typer(no_args_is_help=True, help="The event log, parked events and dead letters.")
Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}; all where not given")]

PARKED = """SELECT consumer, stream_id, version, record ->> 'type' AS type, error_code, error_detail, attempts,
                   redrive_requested, parked_at
            FROM parked_events WHERE error_code IS NOT NULL OR $1 ORDER BY consumer, stream_id, version"""
DEAD = """SELECT consumer, topic, partition, record_offset, error_code, error_detail, received_at
          FROM dead_letters ORDER BY received_at"""


@app.command()
def tail(
    topic: Annotated[list[str] | None, typer.Option(help="Only these topics")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only this event type")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted")] = False,
    from_start: Annotated[bool, typer.Option(help="From offset 0, not the last ten of each partition")] = False,
) -> None:
    """Print events from Kafka, one JSON object a line."""
    names = topic or [declared.name for declared in TOPICS]
    asyncio.run(_tail(names, type_, follow=follow, from_start=from_start))


async def _tail(topics: Sequence[str], type_: str | None, *, follow: bool, from_start: bool) -> None:
    async with replaying(bootstrap_servers(), topics) as replay:
        if not from_start:
            await replay.start_before_ends(LAST)
        batches = replay.forever() if follow else replay.until(await replay.ends())
        async for batch in batches:
            for record in batch:
                _print_record(record, type_)


def _print_record(record: Any, type_: str | None) -> None:
    try:
        envelope = from_kafka(record.topic, record.key, record.value, record.headers)
    except UndecodableRecordError as error:
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        typer.echo(json.dumps({"undecodable": error.code, **where}))
        return
    if type_ in (None, envelope.type):
        _print(envelope)


def _print(envelope: Envelope) -> None:
    typer.echo(json.dumps(envelope.to_record(), ensure_ascii=False))


@app.command()
def show(stream: Annotated[str, typer.Argument(help="For example upload:<id> or dataset:<id>")]) -> None:
    """Print the events of one stream, from the store of the service that owns it, one JSON object a line."""

    async def read(connection: Any) -> list[Envelope]:
        return await store.load(connection, stream)

    envelopes = _on(_owner(stream), read)
    for envelope in envelopes:
        _print(envelope)
    if not envelopes:
        typer.secho(f"there is no stream {stream}", fg="red", err=True)
        raise typer.Exit(1)


def _owner(stream: str) -> str:
    noun = stream.partition(":")[0]
    for event in EVENT_TYPES.values():
        if event.identity.removesuffix("_id") == noun:
            owner = next(topic.owner for topic in TOPICS if topic.name == event.topic)
            return owner.removesuffix("-svc")
    typer.secho(f"no service writes streams of the kind {noun!r}", fg="red", err=True)
    raise typer.Exit(2)


@app.command()
def parked(
    service: Service = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also events that only queue behind a gap")] = False,
) -> None:
    """Print events that failed and block their stream, with the reason; exit code 1 if there are any."""
    if _print_rows(service, PARKED, everything):
        raise typer.Exit(1)


@app.command("dead-letters")
def dead_letters(service: Service = "") -> None:
    """Print records that were no events, with the reason; exit code 1 if there are any."""
    if _print_rows(service, DEAD):
        raise typer.Exit(1)


@app.command()
def redrive(
    consumer: Annotated[str, typer.Argument(help="The service whose consumer failed: processing, quality or catalog")],
    stream: Annotated[str | None, typer.Argument(help="One stream; all failed ones where not given")] = None,
    timeout_seconds: Annotated[float, typer.Option(help="How long to wait for the consumer")] = 60.0,
) -> None:
    """Have failed events applied again, in order; exit code 1 if any fails again or no consumer answers."""

    async def drive(connection: Any) -> tuple[int, int]:
        requested = await redriving.request(connection, consumer, stream)
        deadline = time.monotonic() + timeout_seconds
        pending = requested
        while pending and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            pending = await connection.fetchval(
                "SELECT count(*) FROM parked_events WHERE consumer = $1 AND redrive_requested", consumer
            )
        failed = await connection.fetchval(
            "SELECT count(*) FROM parked_events WHERE consumer = $1 AND error_code IS NOT NULL "
            "AND ($2::text IS NULL OR stream_id = $2)", consumer, stream,
        )  # fmt: skip
        return requested, failed

    requested, failed = _on(consumer, drive)
    typer.echo(f"{requested} streams requested, {failed} failed or still waiting")
    if failed:
        raise typer.Exit(1)


def _print_rows(service: str, sql: str, *arguments: Any) -> int:
    count = 0

    async def read(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]

    for name in (service,) if service else SERVICES:
        for row in _on(name, read):
            typer.echo(json.dumps({"service": name, **row}, default=str, ensure_ascii=False))
            count += 1
    return count


def _on(service: str, action: Callable[[Any], Awaitable[R]]) -> R:
    async def run() -> R:
        connection = await open_connection(database_url(service))
        try:
            return await action(connection)
        finally:
            await connection.close()

    return asyncio.run(run())
