"""Waiting until processes are ready, and saying which one is not, and why, when they do not become so."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from dataplatform_stack import probe
from dataplatform_stack.errors import StackError
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.supervisor import ProcessState, Supervisor
from dataplatform_stack.services.processes import last_lines

_POLL_SECONDS = 0.1
# Between "not started yet" and "up" a process is in one of these; in any other it has ended at least once.
_ALIVE = {"STARTING", "RUNNING"}


@dataclass(frozen=True)
class ReadyCheck:
    """Whether a role says that it is ready: `GET /readyz` is 200."""

    url: str

    def __call__(self) -> bool:
        """Ask it."""
        return probe.get(self.url).status == HTTPStatus.OK

    def answer(self) -> str:
        """Return what it says, for people."""
        answer = probe.get(self.url)
        return f"{answer.status or 'nothing'}: {answer.body}"


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
            what = [_not_ready(name, check, layout, timeout_seconds) for name, check in sorted(waiting.items())]
            raise StackError("not_ready", "\n".join(what))
        if waiting:
            time.sleep(_POLL_SECONDS)


def _require_alive(supervisor: Supervisor, waiting: Mapping[str, object], layout: Layout) -> None:
    states = {process.name: process for process in supervisor.processes()}
    ended = [states[name] for name in waiting if states[name].state not in _ALIVE]
    if ended:
        raise StackError("not_ready", "\n".join(_ended(process, layout) for process in ended))


def _ended(process: ProcessState, layout: Layout) -> str:
    log = layout.log(process.name)
    return f"{process.name} ended while starting. The end of {log}:\n{last_lines(log)}"


def _not_ready(name: str, check: Callable[[], bool], layout: Layout, timeout_seconds: float) -> str:
    says = f"; it says: {check.answer()}" if isinstance(check, ReadyCheck) else ""
    log = layout.log(name)
    return f"{name} did not become ready within {timeout_seconds:.0f} s{says}. The end of {log}:\n{last_lines(log)}"
