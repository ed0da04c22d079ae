"""Where the command line finds Kafka and the services' databases: the environment, or the file that `make up` wrote."""

from typing import Final

import typer

from dataplatform.settings import operator_environment

SERVICES: Final = ("ingest", "processing", "quality", "catalog")


def _require(name: str) -> str:
    value = operator_environment().get(name)
    if not value:
        typer.secho(f"{name} is not set, and there is no .data/platform.env from `make up` here", fg="red", err=True)
        raise typer.Exit(2)
    return value


def bootstrap_servers() -> str:
    """Return the Kafka bootstrap servers; ends the command with code 2 where they are not set."""
    return _require("DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS")


def database_url(service: str) -> str:
    """Return the database URL of a service (`ingest`, ...); ends the command with code 2 where it is not set."""
    return _require(f"DATAPLATFORM_{service.upper()}_DATABASE_URL")
