"""`dataplatform catalog`: rebuild the catalog from Kafka, rotate the keys that sign tokens."""

import asyncio
import os
import secrets
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from catalog_svc.roles import set_up
from dataplatform.settings import operator_environment

app = typer.Typer(no_args_is_help=True, help="The catalog: rebuild it from the log, rotate its keys.")

_NAMES = {"DATAPLATFORM_DATABASE_URL": "DATAPLATFORM_CATALOG_DATABASE_URL"}


def _set_up(**defaults: str) -> None:
    """Make the settings of the catalog findable, then set Django up; ends with code 2 where something is missing."""
    found = {**defaults, **operator_environment()}
    for name, of_catalog in _NAMES.items():
        found[name] = found.get(of_catalog) or found.get(name, "")
    os.environ |= {name: value for name, value in found.items() if name.startswith("DATAPLATFORM_") and value}
    try:
        set_up()
    except ValidationError as error:
        missing = ", ".join(f"DATAPLATFORM_{'_'.join(map(str, part['loc'])).upper()}" for part in error.errors())
        typer.secho(f"not set, or not usable: {missing}", fg="red", err=True)
        raise typer.Exit(2) from None


@app.command()
def rebuild(
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare only; exit code 1 where rows differ")] = False,
    patience: Annotated[float, typer.Option(help="Seconds to wait for the projector and the outbox")] = 60.0,
) -> None:
    """Make the catalog again from Kafka, beside the live one, and replace what differs in one step."""
    # nothing is signed or opened here, so any secret will do
    _set_up(DATAPLATFORM_SECRET_KEY=secrets.token_hex(32))
    from catalog_svc.rebuild.steps import RebuildError, rebuild as run  # noqa: I001, PLC0415
    from catalog_svc.settings import settings  # noqa: PLC0415

    try:
        outcome = asyncio.run(run(settings(), check=check, patience_seconds=patience))
    except RebuildError as error:
        typer.secho(f"{error.code}: {error}", fg="red", err=True)
        raise typer.Exit(2) from None
    for table, rows in outcome.rows.items():
        typer.echo(f"{table:20} {rows:10} rows {'differ' if check else 'changed'}")
    rate = outcome.events / max(outcome.seconds, 0.001)
    typer.echo(f"{outcome.events} events in {outcome.seconds:.1f} s, {rate:.0f} events/s; "
               f"{outcome.undecodable} records were no events")  # fmt: skip
    if outcome.behind:
        typer.secho(
            f"the live projector is behind with {outcome.behind} streams: is it running?", fg="yellow", err=True
        )
    sys.exit(0 if not check or outcome.same else 1)


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Let a new key sign tokens, one minute from now; the old ones verify while their tokens last."""
    _set_up()
    from catalog_svc.rotation import rotate  # noqa: PLC0415
    from catalog_svc.settings import settings  # noqa: PLC0415

    typer.echo(rotate(settings()))
