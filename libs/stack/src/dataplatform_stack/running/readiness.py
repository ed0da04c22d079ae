"""Waiting until processes are ready, and saying which one is not, and why, when they do not become so."""

import time
from collections.abc import Callable, Mapping

import httpx

from dataplatform_stack.errors import StackError
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.supervisor import ProcessState, Supervisor
from dataplatform_stack.services.processes import last_lines

_POLL_SECONDS = 0.1
# Between "not started yet" and "up" a process is in one of these; in any other it has ended at least once.
_ALIVE = {"STARTING", "RUNNING"}


def answers_ready(url: str) -> bool:
    """Whether a role says that it is ready: `GET /readyz` is 200."""
    try:
        return httpx.get(url, timeout=3).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def wait_for_supervisor(supervisor: Supervisor, layout: Layout, timeout_seconds: float) -> None:
    """Return when the supervisor answers."""
    deadline = time.monotonic() + timeout_seconds
    while supervisor.pid() is None:
        if time.monotonic() > deadline:
            log = layout.log("supervisord-output")
            raise StackError("not_ready", f"the process supervisor did not start. The end of {log}:\n{last_lines(log)}")
        time.sleep(_POLL_SECONDS)


def wait_all(
    checks: Mapping[str, Callable[[], bool]],
    supervisor: Supervisor,
    layout: Layout,
    *,
    timeout_seconds: float,
    report: Callable[[str], None],
) -> None:
    """Return when every named process passes its check; `StackError("not_ready")` when one ends or the time is over."""
    started = time.monotonic()
    waiting = dict(checks)
    while waiting:
        for name in [name for name, check in waiting.items() if check()]:
            report(f"{name} is ready ({time.monotonic() - started:.1f} s)")
            del waiting[name]
        _require_alive(supervisor, waiting, layout)
        if waiting and time.monotonic() - started > timeout_seconds:
            raise StackError("not_ready", _not_ready(sorted(waiting), layout, f"within {timeout_seconds:.0f} s"))
        if waiting:
            time.sleep(_POLL_SECONDS)


def _require_alive(supervisor: Supervisor, waiting: Mapping[str, object], layout: Layout) -> None:
    states = {process.name: process for process in supervisor.processes()}
    ended = [states[name] for name in waiting if states[name].state not in _ALIVE]
    if ended:
        raise StackError("not_ready", "\n".join(_ended(process, layout) for process in ended))


def _ended(process: ProcessState, layout: Layout) -> str:
    log = layout.log(process.name)
    return f"{process.name} ended while starting (status {process.exit_status}). The end of {log}:\n{last_lines(log)}"


def _not_ready(names: list[str], layout: Layout, when: str) -> str:
    parts = [f"{name} did not become ready {when}. The end of {layout.log(name)}:" for name in names]
    return "\n".join(f"{part}\n{last_lines(layout.log(name))}" for part, name in zip(parts, names, strict=True))
