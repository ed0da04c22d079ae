"""What must be there before a role starts: databases, bucket, tables, topics, first administrator. Safe to repeat."""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from dataplatform_stack.errors import StackError
from dataplatform_stack.running.plan import BUCKET, Plan, inherited_environment
from dataplatform_stack.running.roles import SERVICES

_COMMAND_SECONDS = 120
_TAIL_LINES = 20


def provision(plan: Plan) -> None:
    """Make everything; the services' own commands run side by side, since each owns what it touches."""
    prepare_servers(plan)
    commands = [(f"{service} migrate", _python(f"{service}_svc", "migrate"), service) for service in plan.services]
    if plan.services:
        commands.append(("topics apply", _python("dataplatform_cli", "topics", "apply"), plan.services[0]))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda item: run(item[0], item[1], _environment(plan, item[2])), commands))
    if "catalog" in plan.services:
        secret = {"DATAPLATFORM_ADMIN_PASSWORD": plan.administrator_password}
        run("catalog bootstrap", _python("catalog_svc", "bootstrap"), _environment(plan, "catalog") | secret)


def prepare_servers(plan: Plan) -> None:
    """Make a login role and database per service in the embedded PostgreSQL, and the bucket in the embedded S3."""
    if plan.postgres:
        for service in SERVICES:
            if plan.settings.database_url(service) is None:
                plan.postgres.ensure_role(service, plan.credentials.postgres[service])
                plan.postgres.ensure_database(service, service)
    if plan.s3:
        plan.s3.ensure_bucket(BUCKET)


def run(title: str, command: list[str], environment: Mapping[str, str]) -> None:
    """Run one command to its end; `StackError("command_failed")` names it and shows its last lines."""
    try:
        result = subprocess.run(  # noqa: S603 the command is composed by us
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError("command_failed", f"{title} did not end within {_COMMAND_SECONDS} s") from error
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-_TAIL_LINES:])
        raise StackError("command_failed", f"{title} failed with status {result.returncode}:\n{tail}")


def _python(package: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", package, *arguments]


def _environment(plan: Plan, service: str) -> dict[str, str]:
    scratch = plan.layout.scratch / "setup"
    scratch.mkdir(mode=0o700, exist_ok=True)
    common = {"DATAPLATFORM_SCRATCH_DIR": str(scratch), "DATAPLATFORM_ENV_FILE": os.fspath(plan.layout.env_file)}
    return inherited_environment(plan) | plan.environment(service) | common
