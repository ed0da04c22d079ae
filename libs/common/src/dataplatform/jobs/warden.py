"""The warden: a small single-threaded process that forks sandboxed runs, watches and ends them.

It imports the heavy modules once, so that a run starts with a fork, in milliseconds. It is started by `Sandbox` as
`python -m dataplatform.jobs.warden` with an environment that holds no secrets, and with none of the worker's memory;
nothing of the worker's main module is ever imported. It obeys one socket (a run's request comes with two file
descriptors: its channel and its log) and reports on one pipe, in JSON lines. When the socket closes, because the
worker ended in whatever way, it kills all runs and ends.

Where runs may share a process (`reuse`), one that says it is clean is looked over, held until the worker says that the
run came to a result, then waits for the next run of the same limits. Every other end of a run ends its process.
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
from pathlib import Path
from typing import Any, Final

import psutil

from dataplatform.jobs.child import CLEAN, Place, live
from dataplatform.jobs.confinement import Limits, become_subreaper
from dataplatform.jobs.reuse import Reuse
from dataplatform.jobs.watch import IDLE_CPU_SECONDS, Child, State, end_strays, private_bytes

TICK_SECONDS: Final = 0.025
"""How often a run's own memory is looked at: in this time a hog gains some 50 MB."""
RECEIVE_BYTES: Final = 65_536


class Warden:
    """Serves one worker until its socket closes; `reuse`: whether a process may serve several runs."""

    def __init__(self, requests: socket.socket, reports: int, *, network: bool, reuse: Reuse | None) -> None:
        self._requests = requests
        self._reports = reports
        self._network = network
        self._reuse = reuse
        self._children: dict[int, Child] = {}  # by their number as processes
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
        self._baseline = private_bytes(psutil.Process())
        self._report({"ready": os.getpid()})
        self._selector.register(self._requests, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while self._serve_once():
            pass
        for child in list(self._children.values()):
            child.kill()
            self._end(child)

    def _serve_once(self) -> bool:
        ready = {key.fileobj: key.data for key, _ in self._selector.select(self._patience())}
        if self._woken in ready:
            with suppress(BlockingIOError):
                self._woken.recv(RECEIVE_BYTES)
        for child in filter(None, ready.values()):
            self._hear(child)
        going_on = self._requests not in ready or self._obey()
        now = time.monotonic()
        for child in list(self._children.values()):
            if _has_ended(child):
                self._end(child)
            elif child.state is State.RUNNING and child.reason is None:
                child.reason = child.look(self._baseline, now)
                if child.reason is not None:
                    child.kill()
            elif child.state is State.IDLE and now > child.deadline:
                child.kill()
        return going_on

    def _patience(self) -> float | None:
        """Return how long nothing needs to be looked at, in seconds; None for as long as nobody speaks."""
        children = self._children.values()
        if any(child.state is State.RUNNING for child in children):
            return TICK_SECONDS
        ends = [child.deadline for child in children if child.state is State.IDLE]
        return max(0.001, min(ends) - time.monotonic()) if ends else None

    def _obey(self) -> bool:
        """Carry out what was asked for; False when the worker is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._requests, RECEIVE_BYTES, 16)
        if not data:
            return False
        self._descriptors.extend(descriptors)
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            match json.loads(line):
                case {"kill": run}:
                    for child in self._at(run):
                        child.kill()
                case {"keep": run}:
                    for child in self._at(run):
                        self._keep(child)
                case order:
                    self._start(order, self._descriptors.popleft(), self._descriptors.popleft())
        return True

    def _at(self, run: int) -> list[Child]:
        """Return the child that is at this run or was at it last, if it lives."""
        return [child for child in self._children.values() if child.run == run]

    def _start(self, order: dict[str, Any], channel: int, log: int) -> None:
        """Have the run served, by a process that waits for one if it may."""
        limits, fresh = Limits(**order.pop("limits")), order.pop("fresh") or self._reuse is None
        if fresh or not any(
            self._hand_over(child, order, channel, log) for child in self._idle(limits, order["group"])
        ):
            self._fork(order, limits, channel, log, runs=1 if fresh or self._reuse is None else self._reuse.runs)
        os.close(channel)
        os.close(log)

    def _idle(self, limits: Limits, group: str | None) -> list[Child]:
        """Return the processes that such a run may have, the one that waits the shortest first: it is the warmest."""
        return [one for one in self._waiting()[::-1] if one.limits == limits and one.group == group]

    def _waiting(self) -> list[Child]:
        """Return the processes without a run, the one that waits the longest first."""
        idle = [child for child in self._children.values() if child.state is State.IDLE]
        return sorted(idle, key=lambda child: child.deadline)

    def _hand_over(self, child: Child, order: dict[str, Any], channel: int, log: int) -> bool:
        """Give the run to a process that waits, unless it is gone or did not just wait."""
        with suppress(psutil.Error, OSError):
            quiet = not _has_ended(child) and child.cpu_seconds() - child.cpu_before <= IDLE_CPU_SECONDS
            if quiet and child.control is not None and child.is_alone():
                last = self._reuse is None or child.served + 1 >= self._reuse.runs
                socket.send_fds(child.control, [json.dumps({**order, "last": last}).encode()], [channel, log])
                child.begin(order["run"], _path(order["output_folder"]), time.monotonic())
                return True
        child.state = State.HELD
        child.kill()
        return False

    def _fork(self, order: dict[str, Any], limits: Limits, channel: int, log: int, *, runs: int) -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET) if runs > 1 else (None, None)
        warden_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            for mine in (ours, self._selector, self._requests, self._woken, self._wake, *self._controls()):
                if mine is not None:
                    mine.close()
            os.close(self._reports)
            live(Place(limits, warden_pid, self._network, runs, theirs), {**order, "last": False}, channel, log)
        child = Child(
            run=order["run"],
            limits=limits,
            output_folder=_path(order["output_folder"]),
            process=psutil.Process(pid),
            deadline=time.monotonic() + limits.wall_seconds,
            group=order["group"],
            control=ours,
        )
        self._children[pid] = child
        if ours is not None and theirs is not None:
            theirs.close()
            ours.settimeout(0)
            self._selector.register(ours, selectors.EVENT_READ, child)

    def _controls(self) -> list[socket.socket]:
        return [child.control for child in self._children.values() if child.control is not None]

    def _hear(self, child: Child) -> None:
        """Take a child's word that it is clean, and look whether it may be true."""
        if child.control is None or self._reuse is None:
            return
        try:
            said = child.control.recv(len(CLEAN) + 1)
        except OSError:
            said = b""
        if not said:
            self._forget_line(child)  # it is about to end
        elif said != CLEAN or child.state is not State.RUNNING:
            child.kill()
        elif child.reason is None and not _has_ended(child):
            self._look_over(child, self._reuse)

    def _look_over(self, child: Child, reuse: Reuse) -> None:
        """Report the run of a child that says it is clean; end the child unless it may serve another."""
        alone = False
        used = child.cpu_before
        with suppress(psutil.Error, OSError):
            child.measure_memory(self._baseline)
            used, alone = child.cpu_seconds(), child.is_alone()
        self._end_strays()
        cpu_seconds, child.cpu_before = used - child.cpu_before, used
        if alone and child.peak_bytes <= reuse.max_peak_bytes:
            child.state = State.HELD
            self._report_end(child, 0, cpu_seconds, kept=True)
        else:
            child.kill()
            self._end(child, status=0)

    def _keep(self, child: Child) -> None:
        """Let a child wait for the next run: the worker is content with the last."""
        if child.state is State.HELD and self._reuse is not None:
            child.state, child.deadline = State.IDLE, time.monotonic() + self._reuse.idle_seconds
            for surplus in self._waiting()[: -self._reuse.max_idle]:
                surplus.state = State.HELD
                surplus.kill()

    def _end(self, child: Child, status: int | None = None) -> None:
        """Reap the child, kill what it left behind, report; `status` where it ended by this process's will."""
        child.kill_session()
        _, ended_with, usage = os.wait4(child.process.pid, 0)
        self._forget_line(child)
        del self._children[child.process.pid]
        self._end_strays()
        cpu_seconds = max(0.0, usage.ru_utime + usage.ru_stime - child.cpu_before)
        self._report_end(child, ended_with if status is None else status, cpu_seconds, kept=False)

    def _end_strays(self) -> None:
        end_strays(set(self._children))

    def _forget_line(self, child: Child) -> None:
        if child.control is not None:
            self._selector.unregister(child.control)
            child.control.close()
            child.control = None

    def _report_end(self, child: Child, status: int, cpu_seconds: float, *, kept: bool) -> None:
        self._report(
            {
                "ended": child.run,
                "status": status,
                "reason": child.reason,
                "peak_bytes": child.peak_bytes,
                "cpu_seconds": cpu_seconds,
                "nth": child.served,
                "kept": kept,
            }
        )

    def _report(self, message: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):
            os.write(self._reports, json.dumps(message).encode() + b"\n")


def _has_ended(child: Child) -> bool:
    return os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _path(folder: str | None) -> Path | None:
    return None if folder is None else Path(folder)


def warm_up(target: str) -> None:
    """Call `pkg.module:function`; raises `RuntimeError` if it leaves a thread or a process, which no fork would get."""
    module, _, name = target.partition(":")
    before = _tasks()
    getattr(importlib.import_module(module), name)()
    gc.collect()
    if _tasks() - before or psutil.Process().children():
        raise RuntimeError(f"{target} leaves threads or processes behind")


def _tasks() -> set[str]:
    return set(os.listdir("/proc/self/task"))  # noqa: PTH208 (names are all that is needed)


def main(arguments: Sequence[str]) -> None:
    """Run with: the number of the requests socket, of the reports pipe, and as JSON the options of the sandbox."""
    requests, reports, options = int(arguments[0]), int(arguments[1]), json.loads(arguments[2])
    try:
        for module in options["preload"]:
            importlib.import_module(module)
        if options["warm"] is not None:
            warm_up(options["warm"])
    except Exception as error:  # noqa: BLE001 (the worker is to say what is wrong)
        os.write(reports, json.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}).encode() + b"\n")
        sys.exit(1)
    reuse = None if options["reuse"] is None else Reuse(**options["reuse"])
    Warden(socket.socket(fileno=requests), reports, network=options["network"], reuse=reuse).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
