"""When a sandboxed process may serve another run, and what is put back in it between two. Linux.

`Reuse` is the caller's choice. `Slate` works inside the process: it is for targets that leave things lying about, and
cannot bind one that has taken the process over. What must hold against those (the clock, processor, memory,
descendants, threads) the `warden` looks at from outside.
"""

import ctypes
import gc
import locale
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_RLIMITS: Final = tuple(
    getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_CPU"
)
_KERNEL_LINES: Final = ("Threads", "SigBlk", "SigIgn", "SigCgt", "Seccomp_filters", "Cpus_allowed")
_TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
SETTLE_SECONDS: Final = 0.2
"""So long the kernel may take to end a thread after Python has joined it."""
_OUTPUTS: Final = frozenset({"1", "2"})
_libc: Final = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Reuse:
    """Let a process that ended a run cleanly serve later runs of the same sandbox with the same limits.

    It saves the fork, the first touch of every page and what libraries do at their first use. It gives up the wall
    between consecutive runs: input that takes a process over can read the following inputs of that process and forge
    their results, as long as the process lives. Runs of different `group`s never share a process, and `fresh` ones
    share with none (see `Sandbox.run`): the caller decides for whom that is worth it. What a target leaves in the
    globals of a module stays as well. All limits hold for each run as they do without, and whatever ends a run in any
    way but by a result ends the process.

    `runs`: so many at most, then a new process. `idle_seconds`: so long it may wait for the next one. `max_idle`: so
    many may wait at once, of all groups.
    `max_peak_bytes`: a process in which a run was seen with more private memory (as in `Limits.memory_bytes`, where
    what earlier runs left counts too) serves no other.
    """

    runs: int = 50
    idle_seconds: float = 30.0
    max_idle: int = 4
    max_peak_bytes: int = 128 << 20

    def __post_init__(self) -> None:
        if self.runs < 1 or self.idle_seconds <= 0 or self.max_idle < 1 or self.max_peak_bytes <= 0:
            raise ValueError(f"a process cannot be used again with {self}")


def _rlimits() -> dict[int, tuple[int, int]]:
    return {kind: resource.getrlimit(kind) for kind in _RLIMITS}


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _descriptors() -> dict[str, str]:
    """Return what every open descriptor stands for; the outputs change with every run."""
    found = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names are all that is needed)
        with suppress(FileNotFoundError):  # the listing's own
            found[number] = "" if number in _OUTPUTS else os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    return found


def _kernel_state() -> tuple[Any, ...]:
    """Return what the kernel says about this process that no run may change."""
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return (*(lines.get(name) for name in _KERNEL_LINES), os.getpriority(os.PRIO_PROCESS, 0), os.getsid(0))


def _python_state() -> dict[str, Any]:
    return {
        "path": list(sys.path),
        "streams": (sys.stdin, sys.stdout, sys.stderr, sys.excepthook),
        "tempdir": tempfile.tempdir,
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
    }


def _umask() -> int:
    was = os.umask(0o077)
    os.umask(was)
    return was


@dataclass(slots=True)
class Slate:
    """What a process was like before its first run. Made after it was confined."""

    cwd: str = field(default_factory=os.getcwd)
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    rlimits: dict[int, tuple[int, int]] = field(default_factory=_rlimits)
    handlers: dict[int, Any] = field(default_factory=_handlers)
    descriptors: dict[str, str] = field(default_factory=_descriptors)
    kernel: tuple[Any, ...] = field(default_factory=_kernel_state)
    python: dict[str, Any] = field(default_factory=_python_state)
    umask: int = field(default_factory=_umask)

    def prepare(self, variables: Mapping[str, str | None], folder: str | None) -> None:
        """Set what belongs to one run: variables, and the folder its temporary files go to, if it has one."""
        for name, value in {**variables, "TMPDIR": folder}.items():
            if value is not None:
                os.environ[name] = value
        tempfile.tempdir = folder or self.python["tempdir"]

    def wipe(self) -> bool:
        """Put everything back; False where that is not possible, then this process may serve no other run."""
        gc.collect()  # what a run left to finalize, it finalizes
        try:
            self._end_log()
            self._put_back()
            return _descriptors() == self.descriptors and self._is_settled()
        except (OSError, ValueError):
            return False

    def _is_settled(self) -> bool:
        """Whether the kernel's state is as it was; a thread that was joined is still there for a moment."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while _kernel_state() != self.kernel:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0005)
        return True

    @staticmethod
    def _end_log() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        _libc.fflush(None)
        os.dup2(0, 1)
        os.dup2(0, 2)

    def _put_back(self) -> None:
        os.chdir(self.cwd)
        os.umask(self.umask)
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        for number, handler in _handlers().items():
            if handler is not self.handlers[number] and self.handlers[number] is not None:
                signal.signal(number, self.handlers[number])
        for kind, pair in _rlimits().items():
            if pair != self.rlimits[kind]:
                resource.setrlimit(kind, self.rlimits[kind])
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
            time.tzset()
        self._put_back_python()

    def _put_back_python(self) -> None:
        was = self.python
        sys.path[:] = was["path"]
        sys.stdin, sys.stdout, sys.stderr, sys.excepthook = was["streams"]
        sys.settrace(None)
        sys.setprofile(None)
        tempfile.tempdir = was["tempdir"]
        if sys.getrecursionlimit() != was["recursion"]:
            sys.setrecursionlimit(was["recursion"])
        if not gc.isenabled():
            gc.enable()
        if locale.setlocale(locale.LC_ALL) != was["locale"]:
            locale.setlocale(locale.LC_ALL, was["locale"])
        if "random" in sys.modules:
            sys.modules["random"].seed()  # as after a fork: no two runs draw the same
