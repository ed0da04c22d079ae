"""How a service is started: `python -m <package> <role>`. A role's code is imported only when it is chosen."""

import argparse
import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from dataplatform import telemetry
from dataplatform.settings import CommonSettings


@dataclass(frozen=True)
class Option:
    """What an option of a role is for, and how its text is read (`ValueError` where it can not be)."""

    help: str
    read: Callable[[str], Any] = str


@dataclass(frozen=True)
class Role:
    """What a role is for, and the function that runs it, `module:function`: it takes the settings, and may be async.

    Options that were given on the command line are passed to it by name.
    """

    help: str
    target: str
    options: Mapping[str, Option] = field(default_factory=dict)


def main(
    service: str, roles: Mapping[str, Role], settings_type: type[CommonSettings], arguments: Sequence[str] | None = None
) -> int:
    """Run the role that the command line names, with logs and traces set up; return the exit status (2: settings)."""
    package = service.replace("-", "_")
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=f"The roles of {service}")
    choices = parser.add_subparsers(dest="role", required=True)
    for name, role in roles.items():
        choice = choices.add_parser(name, help=role.help)
        for option, described in role.options.items():
            choice.add_argument(f"--{option}", type=described.read, help=described.help)
    parsed = parser.parse_args(arguments)
    chosen: str = parsed.role
    try:
        settings = settings_type()
    except ValidationError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    telemetry.configure(
        service, chosen, log_level=settings.log_level, otlp_endpoint=settings.otel_exporter_otlp_endpoint
    )
    module, _, function = roles[chosen].target.partition(":")
    told = {option: getattr(parsed, option) for option in roles[chosen].options}
    given = {option: value for option, value in told.items() if value is not None}
    running = getattr(import_module(module), function)(settings, **given)
    if inspect.iscoroutine(running):
        asyncio.run(running)
    return 0


def migrate(settings: CommonSettings) -> None:
    """Bring the database of a service without tables of its own to the newest schema."""
    # psycopg and yoyo are for this role only
    from dataplatform.log.postgres import migrate as run  # noqa: PLC0415

    run(settings.database_url)
