"""The process supervisor (supervisord, from PyPI): its configuration out of a plan, and talking to it while it runs."""

import shlex
import signal
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from dataplatform_stack.errors import StackError
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.plan import Program
from dataplatform_stack.services.processes import signal_all, tree, wait_gone

# Groups stop from the highest priority to the lowest, each only when the one before has ended.
GROUP_PRIORITIES = {"infra": 10, "roles": 20, "edge": 30}

_SUPERVISORD = """\
[unix_http_server]
file={socket}
chmod=0700

[supervisord]
nodaemon=true
silent=true
logfile={log}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={pid}
childlogdir={logs}
directory={root}
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """\
[program:{name}]
command={command}
environment={environment}
directory={directory}
autostart={autostart}
autorestart=true
startsecs=1
startretries=20
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
killasgroup=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
redirect_stderr=true
"""


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor says of one process; `pid` is 0 when it does not run."""

    name: str
    group: str
    state: str
    pid: int
    seconds: int


def render(programs: Sequence[Program], layout: Layout, *, root_user: bool) -> str:
    """Return the configuration. The servers start by themselves; roles and balancer when they are told to."""
    sections = [
        _SUPERVISORD.format(
            socket=_escaped(str(layout.socket)),
            log=_escaped(str(layout.log("supervisord"))),
            pid=_escaped(str(layout.run / "supervisord.pid")),
            logs=_escaped(str(layout.logs)),
            root=_escaped(str(layout.root)),
            user="user=root\n" if root_user else "",  # said on purpose, or it warns
        )
    ]
    sections += [_program_section(program, layout) for program in programs]
    for group, priority in GROUP_PRIORITIES.items():
        if names := [program.name for program in programs if program.group == group]:
            sections.append(f"[group:{group}]\nprograms={','.join(names)}\npriority={priority}\n")
    return "\n".join(sections)


def command(layout: Layout) -> Sequence[str]:
    """Return the command line of the supervisor."""
    return (sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisor_config))


class Supervisor:
    """The running supervisor of one data folder, spoken to through its socket."""

    def __init__(self, layout: Layout) -> None:
        self._socket = layout.socket

    def pid(self) -> int | None:
        """Return its process id, or None when it does not run."""
        with suppress(OSError, xmlrpc.client.Error):
            return int(self._call("getPID"))
        return None

    def processes(self) -> list[ProcessState]:
        """Return the state of every process: servers, roles, balancer."""
        found = [
            ProcessState(
                name=info["name"],
                group=info["group"],
                state=info["statename"],
                pid=info["pid"],
                seconds=max(0, info["now"] - info["start"]) if info["pid"] else 0,
            )
            for info in self._call("getAllProcessInfo")
        ]
        return sorted(found, key=lambda process: GROUP_PRIORITIES[process.group])

    def start_group(self, group: str) -> None:
        """Start every process of a group, without waiting."""
        self._call("startProcessGroup", group, False)  # noqa: FBT003 the protocol has no names

    def shut_down(self, timeout_seconds: float = 90) -> None:
        """Stop everything in order and wait until supervisor and processes are gone; kill what is left then."""
        pid = self.pid()
        if pid is None:
            return
        processes = tree(pid)
        with suppress(OSError, xmlrpc.client.Error):
            self._call("shutdown")
        if not wait_gone(processes, timeout_seconds=timeout_seconds):
            signal_all(processes, signal.SIGKILL)
            wait_gone(processes, timeout_seconds=10)

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()


def stop_marked(mark: str, value: str, timeout_seconds: float = 20) -> int:
    """End the processes whose environment has this mark (a killed supervisor's); return how many there were."""
    marked = list(_marked(mark, value))
    signal_all(marked, signal.SIGTERM)
    if not wait_gone(marked, timeout_seconds=timeout_seconds):
        signal_all(marked, signal.SIGKILL)
        wait_gone(marked, timeout_seconds=10)
    return len(marked)


def _marked(mark: str, value: str) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(mark) == value and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _program_section(program: Program, layout: Layout) -> str:
    return _PROGRAM.format(
        name=program.name,
        command=_escaped(shlex.join(program.command)),
        environment=_environment(program.environment),
        directory=_escaped(str(program.directory)),
        autostart=str(program.group == "infra").lower(),
        stop_signal=program.stop_signal.name.removeprefix("SIG"),
        stop_seconds=max(1, round(program.stop_seconds)),
        log=_escaped(str(layout.log(program.name))),
    )


def _environment(variables: Mapping[str, str]) -> str:
    return ",".join(f"{name}={_quoted(name, value)}" for name, value in variables.items())


def _quoted(name: str, value: str) -> str:
    """Quote a value for the supervisor, whose quoting has no escapes; refuse the few that it could not carry."""
    if any(bad in value for bad in ('"', "\n", " ;", " #")) or value != value.strip("'"):
        message = f"{name} has a quotation mark, comment or line break in it that the process supervisor cannot pass on"
        raise StackError("setting_unquotable", message)
    return f'"{_escaped(value)}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
