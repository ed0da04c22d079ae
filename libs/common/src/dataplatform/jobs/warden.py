"""The warden: a small single-threaded process that forks sandboxed runs, watches and ends them.

It imports the heavy modules once, so that a run starts with a fork, in milliseconds. It is started by `Sandbox` as
`python -m dataplatform.jobs.warden` with an environment that holds no secrets, and with none of the worker's memory;
nothing of the worker's main module is ever imported. It obeys one socket (a run's request comes with two file
descriptors: its channel and its log) and reports on one pipe, in JSON lines. When the socket closes, because the
worker ended in whatever way, it kills all runs and ends.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil

from dataplatform.jobs.confinement import Limits, become_subreaper, confine
from dataplatform.jobs.inside import run_target

TICK_SECONDS: Final = 0.025
"""How often a run's own memory is looked at: in this time a hog gains some 50 MB."""
TREE_TICKS: Final = 10
"""Every so many ticks the memory of its descendants and the size of its output are looked at as well."""
STRAY_ROUNDS: Final = 100
RECEIVE_BYTES: Final = 65_536


@dataclass(slots=True)
class Run:
    """A child under watch."""

    id: int
    limits: Limits
    output_folder: Path | None
    process: psutil.Process
    deadline: float
    reason: str | None = None
    peak_bytes: int = 0
    below_bytes: int = 0
    ticks: int = 0


class Warden:
    """Serves one worker until its socket closes."""

    def __init__(self, requests: socket.socket, reports: int, *, network: bool) -> None:
        self._requests = requests
        self._reports = reports
        self._network = network
        self._runs: dict[int, Run] = {}
        self._received = b""
        self._descriptors: deque[int] = deque()
        self._baseline = 0
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.settimeout(0)

    def serve(self) -> None:
        """Obey and watch until the worker is gone; then leave nothing behind."""
        become_subreaper()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # meant for the worker, who decides what becomes of its runs
        gc.collect()
        gc.freeze()  # pages of preloaded objects stay shared with the children
        self._baseline = _private_bytes(psutil.Process())
        self._report({"ready": os.getpid()})
        self._selector.register(self._requests, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while self._serve_once():
            pass
        for run in list(self._runs.values()):
            self._kill(run)
            self._end(run)

    def _serve_once(self) -> bool:
        ready = {key.fileobj for key, _ in self._selector.select(TICK_SECONDS if self._runs else None)}
        if self._woken in ready:
            with suppress(BlockingIOError):
                self._woken.recv(RECEIVE_BYTES)
        going_on = self._requests not in ready or self._obey()
        for run in list(self._runs.values()):
            if os.waitid(os.P_PID, run.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                self._end(run)
            elif run.reason is None:
                self._watch(run)
        return going_on

    def _obey(self) -> bool:
        """Carry out what was asked for; False when the worker is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._requests, RECEIVE_BYTES, 16)
        if not data:
            return False
        self._descriptors.extend(descriptors)
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "kill" in request:
                run = self._runs.get(request["kill"])
                if run is not None:
                    self._kill(run)
            else:
                self._fork(request, self._descriptors.popleft(), self._descriptors.popleft())
        return True

    def _fork(self, request: dict[str, Any], channel: int, log: int) -> None:
        limits, warden_pid = Limits(**request["limits"]), os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(request, limits, warden_pid, channel, log)
        os.close(channel)
        os.close(log)
        folder = request["output_folder"]
        self._runs[request["run"]] = Run(
            id=request["run"],
            limits=limits,
            output_folder=Path(folder) if folder is not None else None,
            process=psutil.Process(pid),
            deadline=time.monotonic() + limits.wall_seconds,
        )

    def _become_child(
        self, request: dict[str, Any], limits: Limits, warden_pid: int, channel: int, log: int
    ) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            for mine in (self._selector, self._requests, self._woken, self._wake):
                mine.close()
            os.close(self._reports)
            if request["traceparent"] is not None:
                os.environ["TRACEPARENT"] = request["traceparent"]
            confine(limits, warden_pid, network=self._network)
            status = run_target(request["target"], socket.socket(fileno=channel))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 (nothing may climb out of the fork into the warden's own loop)
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status & 0xFF)

    def _watch(self, run: Run) -> None:
        """Kill the run when it has used more than it may."""
        run.ticks += 1
        with suppress(psutil.Error):
            if run.ticks % TREE_TICKS == 0:
                run.below_bytes = sum(_private_bytes(below) for below in run.process.children(recursive=True))
            used = max(0, _private_bytes(run.process) - self._baseline) + run.below_bytes
            run.peak_bytes = max(run.peak_bytes, used)
        if time.monotonic() > run.deadline:
            run.reason = "timed_out"
        elif run.peak_bytes > run.limits.memory_bytes:
            run.reason = "memory_limit_exceeded"
        elif run.ticks % TREE_TICKS == 0 and _size_below(run.output_folder) > run.limits.output_bytes:
            run.reason = "output_limit_exceeded"
        if run.reason is not None:
            self._kill(run)

    @staticmethod
    def _kill(run: Run) -> None:
        """Kill the child and its session; its number cannot be another's yet, for only `_end` reaps it."""
        with suppress(ProcessLookupError):
            os.kill(run.process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):  # no session of its own yet
            os.killpg(run.process.pid, signal.SIGKILL)

    def _end(self, run: Run) -> None:
        """Reap the child, kill what it left behind, report."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(run.process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(run.process.pid, 0)
        del self._runs[run.id]
        self._end_strays()
        self._report(
            {
                "ended": run.id,
                "status": status,
                "reason": run.reason,
                "peak_bytes": run.peak_bytes,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
            }
        )

    def _end_strays(self) -> None:
        """Kill and reap orphans that came to this process: whatever is no run here was left behind by one."""
        mine = {run.process.pid for run in self._runs.values()}
        for _ in range(STRAY_ROUNDS):
            strays = _children() - mine
            if not strays:
                return
            for stray in strays:
                with suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(stray, os.WNOHANG)
            time.sleep(0.001)

    def _report(self, message: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):
            os.write(self._reports, json.dumps(message).encode() + b"\n")


def _private_bytes(process: psutil.Process) -> int:
    """Return memory that is not a file's: what would have to be killed to be freed."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def _children() -> set[int]:
    """Return the numbers of this process's children, zombies too."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")  # this process has one thread
    if listing.exists():
        return {int(number) for number in listing.read_text("ascii").split()}
    return {child.pid for child in psutil.Process().children()}


def _size_below(folder: Path | None) -> int:
    total = 0
    for above, _, names in os.walk(folder) if folder is not None else ():
        for name in names:
            with suppress(OSError):
                total += (Path(above) / name).lstat().st_size
    return total


def main(arguments: Sequence[str]) -> None:
    """Run with: the number of the requests socket, of the reports pipe, and the modules to preload as JSON."""
    requests, reports, network, preload = arguments
    try:
        for module in json.loads(preload):
            importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 (the worker is to say what is wrong)
        os.write(int(reports), json.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}).encode() + b"\n")
        sys.exit(1)
    Warden(socket.socket(fileno=int(requests)), int(reports), network=network == "network").serve()


if __name__ == "__main__":
    main(sys.argv[1:])
