"""What all four servers have in common: prepare, command line, readiness, and a life as a plain subprocess.

The same object serves both ways of running: a supervisor asks it for `command()` and `environment()`, tests call
`start()`, `kill()`, `pause()`.
"""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self

import psutil

from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import Port, require_free
from dataplatform_stack.services.processes import last_lines, signal_all, spawn, tree, wait_gone

POLL_SECONDS = 0.05


class Server(ABC):
    """One server with its data in `data_dir`. Nothing is written before `prepare()`, nothing runs before `start()`."""

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 20

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Write configuration and make the data folder; safe to call again, also after an unclean end."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line that runs the server in the foreground."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Return the variables it needs beyond the inherited ones."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the server over its own protocol whether it answers now; a server that is down is False, no error."""

    @abstractmethod
    def ports(self) -> Sequence[Port]:
        """Return every port it listens on."""

    @property
    def log(self) -> Path:
        """Where its output goes when it runs as a plain subprocess."""
        return self.data_dir / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether the subprocess of `start()` is alive (also while it is paused)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise StackError("not_running", f"{self.title} is not running")
        return self._process.pid

    def start(self, timeout_seconds: float = 60) -> Self:
        """Prepare and start, and return when it is ready; does nothing when it runs already."""
        if self.running:
            return self
        require_free(self.ports())
        self.prepare()
        self._process = spawn(self.command(), environment=self.environment(), directory=self.data_dir, log=self.log)
        try:
            self.wait_ready(timeout_seconds)
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Return when it answers; `StackError("not_ready")` with the log's end when it exits or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not self.is_ready():
            if self._process is not None and self._process.poll() is not None:
                raise StackError("not_ready", f"{self.title} ended while starting:\n{last_lines(self.log)}")
            if time.monotonic() > deadline:
                message = f"{self.title} did not answer within {timeout_seconds:.0f} s:\n{last_lines(self.log)}"
                raise StackError("not_ready", message)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ask it to end in its own clean way and wait; kill what is left after `stop_seconds`."""
        if self._process is None:
            return
        processes = tree(self._process.pid)
        signal_all(processes[:1], self.stop_signal)
        signal_all(processes, signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self.stop_seconds)
        self._end(processes)

    def kill(self) -> None:
        """End it and all its children with SIGKILL, as a crash would."""
        if self._process is not None:
            self._end(tree(self._process.pid))

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the whole process tree (SIGSTOP): connections stay open, nothing answers."""
        signal_all(tree(self.pid), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        signal_all(tree(self.pid), signal.SIGCONT)

    def _end(self, processes: Sequence[psutil.Process]) -> None:
        """Kill what is left of the tree and wait until it is gone, so that its ports and locks are free."""
        signal_all(processes, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None
        wait_gone(processes, timeout_seconds=10)
