"""What the tests of reuse run inside the sandbox: runs that leave something behind, and one that looks for it."""

import ctypes
import decimal
import locale
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from dataplatform.jobs.sandbox import report_progress

MIB: Final = 1 << 20
warmed: list[int] = []
kept: list[Any] = []
_KERNEL_LINES: Final = ("Threads", "SigBlk", "SigIgn", "SigCgt", "Seccomp")
_libc: Final = ctypes.CDLL(None)


def state(_: dict[str, Any]) -> dict[str, Any]:
    """Everything of this process that a run before could have left different."""
    status = Path("/proc/self/status").read_text("ascii")
    return {
        "pid": os.getpid(),
        "chance": random.random(),
        "state": {
            "cwd": str(Path.cwd()),
            "umask": next(line for line in status.splitlines() if line.startswith("Umask")),
            "environment": {name: value for name, value in os.environ.items() if name != "TMPDIR"},
            "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
            "masks": [line for line in status.splitlines() if line.startswith(_KERNEL_LINES)],
            "timer": signal.getitimer(signal.ITIMER_REAL),
            "rlimits": [resource.getrlimit(kind) for kind in range(16) if kind != resource.RLIMIT_CPU],
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "input": str(Path("/proc/self/fd/0").readlink()),
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "affinity": sorted(os.sched_getaffinity(0)),
            "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii"),
            "path": sys.path,
            "streams": [type(sys.stdout).__name__, type(sys.stderr).__name__, sys.stdout is sys.__stdout__],
            "recursion": sys.getrecursionlimit(),
            "locale": locale.setlocale(locale.LC_ALL),
            "precision": decimal.getcontext().prec,
            "warnings": [str(entry) for entry in warnings.filters],
            "temporary": Path(tempfile.gettempdir(), "left").exists(),
        },
    }


def kinds(_: dict[str, Any]) -> dict[str, Any]:
    return {"kinds": list(_LEFTOVERS)}


def leave(argument: dict[str, Any]) -> dict[str, Any]:
    """Leave behind what `kind` says, and end well."""
    _LEFTOVERS[argument["kind"]]()
    return {"pid": os.getpid()}


def _open_file() -> None:
    kept.append(tempfile.TemporaryFile())  # noqa: SIM115 (to be left open)


def _thread() -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def _process(**options: Any) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **options)


def _orphan() -> None:
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        os._exit(0)
    os.wait()


def _zombie() -> None:
    if os.fork() == 0:
        os._exit(0)


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1] if hard is None else hard))


def _other_input() -> None:
    with open("/etc/hostname", "rb") as file:  # noqa: PTH123 (a descriptor is wanted)
        os.dup2(file.fileno(), 0)


def _ending_cwd() -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()


def _replace_streams() -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 (as bad code does)


def draw(_: dict[str, Any]) -> dict[str, Any]:
    """Draw a number, and leave the same ones for whoever comes next."""
    number = random.random()
    random.seed(1)
    return {"pid": os.getpid(), "number": number}


def _set_precision() -> None:
    decimal.getcontext().prec = 3


_LEFTOVERS: Final[dict[str, Callable[[], object]]] = {
    "cwd": lambda: os.chdir("/"),
    "cwd_that_is_gone": _ending_cwd,
    "variable": lambda: os.environ.update(LEFT="1", PATH="/nowhere"),
    "removed_variable": lambda: os.environ.pop("PATH"),
    "umask": lambda: os.umask(0),
    "handler": lambda: signal.signal(signal.SIGTERM, lambda *_: None),
    "ignored_limit": lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
    "alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 0.2),
    "soft_limit": lambda: _limit(resource.RLIMIT_FSIZE, 10),
    "path": lambda: sys.path.insert(0, "/tmp"),  # noqa: S108 (a name only)
    "streams": _replace_streams,
    "recursion": lambda: sys.setrecursionlimit(10_000),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "warnings": lambda: warnings.simplefilter("error"),
    "precision": _set_precision,
    "temporary_file": lambda: Path(tempfile.gettempdir(), "left").write_text("the first file"),
    "orphan": _orphan,
    # what cannot be put back
    "blocked_signal": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXFSZ]),
    "hard_limit": lambda: _limit(resource.RLIMIT_NOFILE, 100, 100),
    "open_file": _open_file,
    "closed_input": lambda: os.close(0),
    "other_input": _other_input,
    "thread": _thread,
    "process": _process,
    "process_of_its_own_session": lambda: _process(start_new_session=True),
    "zombie": _zombie,
    "nice": lambda: os.nice(5),
    "affinity": lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]),
}


def burn(argument: dict[str, Any]) -> dict[str, Any]:
    """Use processor time."""
    end = time.process_time() + argument["seconds"]
    while time.process_time() < end:
        pass
    return {"pid": os.getpid()}


def burn_below(argument: dict[str, Any]) -> dict[str, Any]:
    """Use it in a process below, which ignores the kernel's warning."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        burn(argument)
        os._exit(0)
    os.waitpid(pid, 0)
    return {"pid": os.getpid()}


def take(argument: dict[str, Any]) -> dict[str, Any]:
    """Use memory for a while, and give it back."""
    hoard = bytearray(b"x") * argument["bytes"]
    time.sleep(0.2)
    return {"pid": os.getpid(), "length": len(hoard)}


def leak(argument: dict[str, Any]) -> dict[str, Any]:
    """Use memory and keep it."""
    kept.append(bytearray(b"x") * argument["bytes"])
    return {"pid": os.getpid()}


def say(argument: dict[str, Any]) -> dict[str, Any]:
    """Write to the log, partly into buffers that nobody flushes."""
    sys.stdout.write(argument["text"])
    _libc.printf(b"%s", argument["text"].encode())
    return {"pid": os.getpid()}


def say_and_fail(argument: dict[str, Any]) -> NoReturn:
    say(argument)
    raise ValueError


def wait(_: dict[str, Any]) -> NoReturn:
    report_progress({"pid": os.getpid()})
    time.sleep(600)
    raise AssertionError


def _lines() -> list[socket.socket]:
    """Return the sockets of this process, as code that has taken it over would find them: control line, channel."""
    found = []
    for descriptor in range(3, 64):
        with suppress(OSError):
            found.append(socket.socket(fileno=os.dup(descriptor)))
    return found


def lie(argument: dict[str, Any]) -> NoReturn:
    """Claim to be clean, after or without a result, and stay at work."""
    lines = {line.type: line for line in _lines()}
    if argument["result"]:
        lines[socket.SOCK_STREAM].sendall(b'{"result": {"pid": %d}}\n' % os.getpid())
    for _ in range(argument["times"]):
        lines[socket.SOCK_SEQPACKET].send(argument["word"].encode())
        time.sleep(0.05)
    while argument["spin"]:
        pass
    time.sleep(600)
    raise AssertionError


def warm_up() -> None:
    warmed.append(os.getpid())


def warm_up_with_a_thread() -> None:
    _thread()


def warm_up_with_a_process() -> None:
    _process()


def was_warmed(_: dict[str, Any]) -> dict[str, Any]:
    return {"warmed": warmed, "parent": os.getppid()}
