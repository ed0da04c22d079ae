"""What must be there before a role starts: databases, bucket, tables, topics, first administrator. Safe to repeat."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from dataplatform_stack.errors import StackError
from dataplatform_stack.running.plan import BUCKET, Plan, inherited_environment
from dataplatform_stack.running.roles import SERVICES
from dataplatform_stack.services import Server

_COMMAND_SECONDS = 120
_TAIL_LINES = 20


def provision(plan: Plan, wait_for: Callable[[Server | None], None]) -> None:
    """Make everything, each thing as soon as the server that it needs is ready; `wait_for` returns then, or raises."""
    with ThreadPoolExecutor() as pool:
        steps = [pool.submit(step, plan, wait_for) for step in (_databases, _topics, _bucket)]
        for step in as_completed(steps):
            step.result()


def _databases(plan: Plan, wait_for: Callable[[Server | None], None]) -> None:
    """Make a login role and a database per service, the tables in them, and the first administrator."""
    wait_for(plan.postgres)
    if plan.postgres:
        for service in SERVICES:
            if plan.settings.database_url(service) is None:
                plan.postgres.ensure_role(service, plan.credentials.postgres[service])
                plan.postgres.ensure_database(service, service)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda service: _run_service(plan, service, "migrate"), plan.services))
    if "catalog" in plan.services:
        _run_service(plan, "catalog", "bootstrap", {"DATAPLATFORM_ADMIN_PASSWORD": plan.administrator_password})


def _topics(plan: Plan, wait_for: Callable[[Server | None], None]) -> None:
    wait_for(plan.kafka)
    if plan.services:
        command = [sys.executable, "-m", "dataplatform_cli", "topics", "apply"]
        run("topics apply", command, _environment(plan, plan.services[0]))


def _bucket(plan: Plan, wait_for: Callable[[Server | None], None]) -> None:
    wait_for(plan.s3)
    if plan.s3:
        plan.s3.ensure_bucket(BUCKET)


def _run_service(plan: Plan, service: str, command: str, secrets: Mapping[str, str] | None = None) -> None:
    environment = _environment(plan, service) | dict(secrets or {})
    run(f"{service} {command}", [sys.executable, "-m", f"{service}_svc", command], environment)


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


def _environment(plan: Plan, service: str) -> dict[str, str]:
    files = {"SCRATCH_DIR": plan.layout.scratch, "ENV_FILE": plan.layout.env_file}
    common = {f"DATAPLATFORM_{name}": os.fspath(path) for name, path in files.items()}
    return inherited_environment(plan) | plan.environment(service) | common
