"""Where the command line finds Kafka and the services' databases: the environment, or the file that `make up` wrote."""

import os
from pathlib import Path
from typing import Final

import typer

SERVICES: Final = ("ingest", "processing", "quality", "catalog")


def _environment() -> dict[str, str]:
    """Return the process's environment over the lines `NAME=value` of the file that DATAPLATFORM_ENV_FILE names."""
    path = Path(os.environ.get("DATAPLATFORM_ENV_FILE", ".data/platform.env"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {**{name: value for name, _, value in pairs}, **os.environ}


def _require(name: str) -> str:
    value = _environment().get(name)
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
