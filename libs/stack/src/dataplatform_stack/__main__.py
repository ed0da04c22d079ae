"""`python -m dataplatform_stack`: what `make up`, `make status` and the like call. The work is in `running`."""

import os
import shutil
import sys
from typing import Annotated, NoReturn

import httpx
import typer
from pydantic import ValidationError

from dataplatform_stack.errors import StackError
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.plan import ADMINISTRATOR, Plan
from dataplatform_stack.running.runner import Runner, interrupted_by_signals
from dataplatform_stack.running.status import current_status
from dataplatform_stack.running.supervisor import Supervisor
from dataplatform_stack.settings import StackSettings

NOT_RUNNING = 3

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
InfraOnly = Annotated[bool, typer.Option(help="Only Kafka, PostgreSQL and S3; no roles.")]


@app.command()
def up(infra_only: InfraOnly = False) -> None:
    """Start everything, stay in the foreground, stop everything at Ctrl-C."""
    runner = Runner(StackSettings(), _say)
    if _already_runs(runner):
        return
    with interrupted_by_signals():
        try:
            _say(_welcome(runner.start(infra_only=infra_only, foreground=True)))
            _say("Ctrl-C stops everything.")
            runner.wait()
        except KeyboardInterrupt:
            _say("\nstopping; data stays where it is")
            runner.stop()
    _say("stopped")


@app.command()
def start(infra_only: InfraOnly = False) -> None:
    """Start everything in the background and return when it is ready."""
    runner = Runner(StackSettings(), _say)
    if _already_runs(runner):
        return
    with interrupted_by_signals():
        _say(_welcome(runner.start(infra_only=infra_only)))


@app.command()
def down() -> None:
    """Stop everything, roles before servers; data stays."""
    _say("stopped" if Runner(StackSettings(), _say).stop() else "nothing was running")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show every process with its state, health and memory; exit code 3 when nothing runs, 1 when something is ill."""
    layout = Layout(StackSettings().data_dir)
    found = current_status(layout, Supervisor(layout))
    if found is None:
        _say("nothing is running; `make up` starts it")
        raise typer.Exit(NOT_RUNNING)
    _say(found.as_json() if as_json else f"{found.as_table()}\n\n{found.url}")
    raise typer.Exit(0 if found.healthy else 1)


@app.command()
def logs(
    names: Annotated[
        list[str] | None, typer.Argument(help="Processes, as `status` names them; all unless given.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option(help="Go on showing new lines.")] = True,
    lines: Annotated[int, typer.Option(help="How many lines of each to begin with.")] = 20,
) -> None:
    """Show the logs of all processes, or of those named."""
    layout = Layout(StackSettings().data_dir)
    files = [layout.log(name) for name in names] if names else sorted(layout.logs.glob("*.log"))
    if missing := [str(file) for file in files if not file.is_file()] or ([] if files else [str(layout.logs)]):
        raise StackError("no_log", f"there is no {', '.join(missing)}")
    tail = shutil.which("tail")
    if tail is None:
        raise StackError("tail_missing", f"missing: the command tail; the logs are in {layout.logs}")
    sys.stdout.flush()
    os.execv(tail, [tail, "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])  # noqa: S606


@app.command()
def reset(yes: Annotated[bool, typer.Option(envvar="YES", help="Do not ask.")] = False) -> None:
    """Stop everything and delete all data, secrets included."""
    settings = StackSettings()
    layout = Layout(settings.data_dir)
    if not layout.root.exists():
        _say(f"there is no {layout.root}")
        return
    if not layout.secrets.is_file():
        raise StackError("not_a_data_dir", f"{layout.root} is not a data folder of the platform; nothing was deleted")
    if not yes and not typer.confirm(f"Delete everything in {layout.root}?"):
        raise typer.Exit(1)
    Runner(settings, _say).stop()
    shutil.rmtree(layout.root)
    _say(f"deleted {layout.root}")


@app.command()
def token() -> None:
    """Print a token of the administrator, for scripts."""
    values = _env_file(Layout(StackSettings().data_dir))
    credentials = {"username": ADMINISTRATOR, "password": values["DATAPLATFORM_ADMIN_PASSWORD"]}
    url = f"{values['DATAPLATFORM_URL']}/api/v1/tokens"
    try:
        response = httpx.post(url, json=credentials, timeout=10)
    except httpx.HTTPError as error:
        raise StackError("not_running", f"{url} does not answer ({error}); `make up` starts the platform") from error
    if response.is_error:
        raise StackError("token_refused", f"{url} answered {response.status_code}: {response.text}")
    typer.echo(response.json()["access_token"])


def _already_runs(runner: Runner) -> bool:
    found = current_status(runner.layout, runner.supervisor)
    if found is not None:
        _say(f"already running:\n\n{found.as_table()}\n\n{found.url}")
    return found is not None


def _env_file(layout: Layout) -> dict[str, str]:
    if not layout.env_file.is_file():
        raise StackError("not_running", f"there is no {layout.env_file}; `make up` makes it")
    lines = layout.env_file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def _welcome(plan: Plan) -> str:
    where = f"credentials  {plan.layout.env_file}\nlogs         {plan.layout.logs}  (make logs)"
    if plan.infra_only:
        servers = "\n".join(f"{server.title}: port {server.ports()[0].number}" for server in plan.infra)
        return f"\nThe servers are ready.\n\n{servers}\n{where}\n"
    url = plan.settings.url
    return f"""
The platform is ready: {url}

{where}

Try:
  export TOKEN=$(make -s token)
  printf 'city,trees\\nUlm,1204\\nBonn,877\\n' | curl --data-binary @- -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Disposition: attachment; filename="trees.csv"' {url}/v1/institutions/demo/datasets/trees/uploads
  curl -H "Authorization: Bearer $TOKEN" '{url}/api/v1/datasets?q=trees'
"""


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)


def main() -> None:
    """Run one command; what a person must act on is a message, not a traceback."""
    try:
        app()
    except StackError as error:
        _fail(error.message)
    except ValidationError as error:
        _fail("; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()))
    except KeyboardInterrupt:
        _fail("interrupted")


if __name__ == "__main__":
    main()
