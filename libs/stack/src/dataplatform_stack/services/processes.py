"""Processes as trees: start one that cannot outlive us, signal it with all its children, weigh it, read its log's end.

What the process is, and when it is ready, is the server's business.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
# Linux ends a child when the THREAD that started it ends, so all are started by one thread that lives as long as we do.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def _die_with_parent(death_signal: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    death_signal: signal.Signals | None = signal.SIGKILL,
) -> "subprocess.Popen[bytes]":
    """Start `argv` in a session of its own, output appended to `log`.

    On Linux it gets `death_signal` when this process ends; with None it goes on by itself.
    """
    bind = partial(_die_with_parent, death_signal) if death_signal and sys.platform == "linux" else None

    def start() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 the command is composed by us
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=bind,  # noqa: PLW1509 it only makes one system call
            )

    return _SPAWNER.submit(start).result()


def tree(pid: int) -> list[psutil.Process]:
    """Return the process and all its descendants that are alive now, parent first; empty when it is gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send the signal to each process; those already gone are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def wait_gone(processes: Sequence[psutil.Process], *, timeout_seconds: float) -> bool:
    """Wait until all have ended (whether or not their new parent has noticed); False when the time is over first."""
    deadline = time.monotonic() + timeout_seconds
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def memory_bytes(pid: int) -> int:
    """Return the proportional set size of the process tree (shared pages counted once in all), in bytes."""
    return sum(_own_memory_bytes(process) for process in tree(pid))


def _own_memory_bytes(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return int(process.memory_info().rss)
    except (OSError, psutil.Error):
        with contextlib.suppress(psutil.Error):
            return int(process.memory_info().rss)
    return 0


def last_lines(log: Path, count: int = 15) -> str:
    """Return the last lines of a log, or say that there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log was written)"
    return "\n".join(lines[-count:]) or "(the log is empty)"
