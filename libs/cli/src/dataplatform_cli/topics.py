"""`dataplatform topics`: the declared topics against those of the broker."""

import asyncio
from typing import Annotated

import typer

from dataplatform.log import topics
from dataplatform_cli.settings import bootstrap_servers

app = typer.Typer(no_args_is_help=True, help="Declared topics against the broker's.")


@app.command()
def diff() -> None:
    """Show what differs from the declaration; exit code 1 if anything does."""
    found = asyncio.run(topics.diff(bootstrap_servers()))
    for difference in found:
        typer.echo(str(difference))
    if found:
        raise typer.Exit(1)
    typer.echo("topics are as declared")


@app.command()
def apply(
    replication_factor: Annotated[int, typer.Option(help="-1: the broker's default")] = -1,
) -> None:
    """Create missing topics, add partitions, correct settings. Deletes nothing."""
    changed = asyncio.run(topics.apply(bootstrap_servers(), replication_factor=replication_factor))
    for difference in changed:
        typer.echo(f"changed {difference}")
    if not changed:
        typer.echo("topics are as declared")
