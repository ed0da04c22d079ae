"""What the warden sees of a sandboxed process from outside: its memory, processor time, output, what it leaves behind.

Nothing here trusts the process: everything comes from the kernel. Linux.
"""

import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import psutil

from dataplatform.jobs.confinement import Limits, whole_seconds

TREE_TICKS = 10
"""Every so many looks at the memory of a run, its descendants and the size of its output are looked at as well."""
IDLE_CPU_SECONDS = 0.05
"""More than this a process that waits for its next run does not use."""


class State(Enum):
    """What a child is at: a run; one that is over, until the worker says what it came to; or waiting for the next."""

    RUNNING = auto()
    HELD = auto()
    IDLE = auto()


@dataclass(slots=True)
class Child:
    """A process under watch, and the run it is at or was at last; `control` if it may serve more than one.

    `deadline`: of the run, or of the waiting, on the monotonic clock. `group`: whose runs it serves.
    """

    run: int
    limits: Limits
    output_folder: Path | None
    process: psutil.Process
    deadline: float
    group: str | None = None
    control: socket.socket | None = None
    state: State = State.RUNNING
    served: int = 1
    cpu_before: float = 0.0
    reason: str | None = None
    peak_bytes: int = 0
    below_bytes: int = 0
    ticks: int = 0

    def begin(self, run: int, output_folder: Path | None, now: float) -> None:
        """Take the next run."""
        self.run, self.output_folder, self.deadline = run, output_folder, now + self.limits.wall_seconds
        self.state, self.served, self.cpu_before = State.RUNNING, self.served + 1, self.cpu_seconds()
        self.peak_bytes = self.below_bytes = self.ticks = 0

    def look(self, baseline: int, now: float) -> str | None:
        """Measure, and return which limit the run is beyond, if it is."""
        self.ticks += 1
        whole = self.ticks % TREE_TICKS == 0
        too_long = False
        with suppress(psutil.Error):
            if whole:
                below = self.process.children(recursive=True)
                self.below_bytes = sum(map(private_bytes, below))
                # a descendant inherits a limit that counts what this process used in earlier runs
                too_long = self.served > 1 and any(_used(one) > whole_seconds(self.limits) for one in below)
            self.measure_memory(baseline)
            # exact from the second run on, where the kernel's limit is in whole seconds since the fork
            too_long = too_long or (
                self.control is not None and self.cpu_seconds() - self.cpu_before > whole_seconds(self.limits)
            )
        if now > self.deadline:
            return "timed_out"
        if too_long:
            return "cpu_limit_exceeded"
        if self.peak_bytes > self.limits.memory_bytes:
            return "memory_limit_exceeded"
        if whole and size_below(self.output_folder) > self.limits.output_bytes:
            return "output_limit_exceeded"
        return None

    def measure_memory(self, baseline: int) -> None:
        """Note the peak of private memory beyond `baseline`."""
        used = max(0, private_bytes(self.process) - baseline) + self.below_bytes
        self.peak_bytes = max(self.peak_bytes, used)

    def cpu_seconds(self) -> float:
        """Return the processor time of the process since its fork, in steps of 10 ms."""
        return _used(self.process)

    def is_alone(self) -> bool:
        """Whether it is one thread without a child, which is when nothing of a run can still be at work."""
        pid = self.process.pid
        return os.listdir(f"/proc/{pid}/task") == [str(pid)] and not children_of(pid)  # noqa: PTH208 (one name)

    def kill(self) -> None:
        """Kill it and its session; its number cannot be another's yet, for only the warden reaps it."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.kill_session()

    def kill_session(self) -> None:
        """Kill what is left in its session."""
        with suppress(ProcessLookupError, PermissionError):  # no session of its own yet, or nothing in it
            os.killpg(self.process.pid, signal.SIGKILL)


def private_bytes(process: psutil.Process) -> int:
    """Return memory that is not a file's: what would have to be killed to be freed."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def children_of(pid: int) -> set[int]:
    """Return the numbers of the children of a process of one thread, zombies too."""
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    if listing.exists():
        return {int(number) for number in listing.read_text("ascii").split()}
    return {child.pid for child in psutil.Process(pid).children()}


def end_strays(mine: set[int], rounds: int = 100) -> None:
    """Kill and reap orphans that came to this process: whatever is none of `mine` was left behind by one of them."""
    for _ in range(rounds):
        strays = children_of(os.getpid()) - mine
        if not strays:
            return
        for stray in strays:
            with suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(stray, os.WNOHANG)
        time.sleep(0.001)


def size_below(folder: Path | None) -> int:
    """Return the bytes of all files below `folder`."""
    total = 0
    for above, _, names in os.walk(folder) if folder is not None else ():
        for name in names:
            with suppress(OSError):
                total += (Path(above) / name).lstat().st_size
    return total


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
