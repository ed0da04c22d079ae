"""What a sandboxed process does to itself before it touches hostile input: own session, limits, no way out. Linux.

Runs in the child right after the fork. Not here: the clock and the memory, which the warden watches from outside.
"""

import ctypes
import errno
import math
import os
import platform
import resource
import signal
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPEN_FILES: Final = 1024
DATA_SLACK_BYTES: Final = 4 << 30
"""Allocators reserve far more than they use (DuckDB alone 1 GiB), so the kernel's limit is only the last wall."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_DENY: Final = 0x00050000 | errno.EPERM
_OTHER_ABI: Final = 0x40000000  # x32 calls on x86-64 start here; no other number is as large

_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_NETWORK: Final = {"socket": (41, 198), "io_uring_setup": (425, 425)}
_INTRUSION: Final = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "setns": (308, 268),
    "unshare": (272, 97),
    "mount": (165, 40),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandboxed run may use.

    `memory_bytes`: private memory of all its processes, beyond what the preloaded modules take. `cpu_seconds`: of each
    process, rounded up. `wall_seconds`: from the fork. `output_bytes`: of any one file it writes (scratch files too),
    and of all files below the run's `output_folder`, if it names one. `open_files`: at once, the run's own channel and
    log among them.
    """

    memory_bytes: int
    cpu_seconds: float
    wall_seconds: float
    output_bytes: int
    open_files: int = OPEN_FILES


def become_subreaper() -> None:
    """Become the parent of every orphan below this process, so that none escapes."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def confine(limits: Limits, parent_pid: int, *, network: bool, runs: int = 1) -> None:
    """Confine this process for good; `network`: whether it may open sockets, `runs`: how many it serves at most."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # died before the line above
        os._exit(1)
    _set_limits(limits, runs)
    # When the machine runs out of memory, this process goes first, not the worker that looks after it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _forbid([*_INTRUSION.values(), *(() if network else _NETWORK.values())])


def whole_seconds(limits: Limits) -> int:
    """Return the processor time of a run as the kernel counts it."""
    return max(1, math.ceil(limits.cpu_seconds))


def allow_processor_time(limits: Limits) -> None:
    """Grant this process the time of one more run, on top of what it has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(usage.ru_utime + usage.ru_stime) + whole_seconds(limits)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _set_limits(limits: Limits, runs: int) -> None:
    cpu_seconds = whole_seconds(limits)
    # A hard limit cannot be raised for the next run: it is for all of them, with what each may go over.
    _lower(resource.RLIMIT_CPU, cpu_seconds, runs * (cpu_seconds + 1) + 1)
    _lower(resource.RLIMIT_FSIZE, limits.output_bytes)
    _lower(resource.RLIMIT_DATA, 2 * limits.memory_bytes + DATA_SLACK_BYTES)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    # Python ignores SIGXFSZ; then a library would report a failed write in words of its own.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, but never above the one that holds already: only root may do that."""
    ceiling = resource.getrlimit(kind)[1]
    wanted = soft if hard is None else hard
    allowed = wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
    resource.setrlimit(kind, (min(soft, allowed), allowed))


def _forbid(calls: list[tuple[int, int]]) -> None:
    """Let the kernel answer EPERM to these system calls (numbers per architecture), in this process and all below."""
    found = _ARCHITECTURES.get(platform.machine())
    if found is None:
        return
    architecture, column = found
    numbers = [call[column] for call in calls]
    program = [_step(_LOAD, 4), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _DENY), _step(_LOAD, 0)]
    program += [_step(_AT_LEAST, _OTHER_ABI, len(numbers) + 1, 0)]
    program += [_step(_EQUAL, number, len(numbers) - index, 0) for index, number in enumerate(numbers)]
    program += [_step(_RETURN, _ALLOW), _step(_RETURN, _DENY)]
    steps = ctypes.create_string_buffer(b"".join(program))
    head = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(steps)))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(head))


def _step(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, when_true, when_false, value)


def _prctl(option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *values) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


_libc: Final = ctypes.CDLL(None, use_errno=True)
