"""The inside of a sandbox: calls the target with its argument, and talks to the worker over one socket, in JSON lines.

What a target may use: `report_progress`, `traceparent`. Not here: limits (`confinement`), the fork (`warden`).
"""

import errno
import faulthandler
import importlib
import json
import os
import re
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, cast

MEMORY_ERRORS: Final = frozenset({"OutOfMemoryException"})
"""Class names that say "out of memory" without being a `MemoryError`: DuckDB's."""
CODE: Final = re.compile(r"[a-z][a-z0-9_]{2,63}")
PROGRESS_BYTES: Final = 64 << 10

_channel: BinaryIO | None = None


def report_progress(progress: Mapping[str, Any]) -> None:
    """Tell the worker how far the work is (a small JSON object); outside of a sandbox it does nothing."""
    if _channel is not None:
        _send({"progress": dict(progress)}, PROGRESS_BYTES)


def traceparent() -> str | None:
    """Return the W3C trace context of the job this run belongs to."""
    return os.environ.get("TRACEPARENT")


def run_target(name: str, channel: socket.socket) -> int:
    """Do as `answer` does, in a process that serves this one run; return its exit code."""
    faulthandler.enable(sys.stderr)
    answer(name, channel)
    return 0


def answer(name: str, channel: socket.socket) -> bool:
    """Read the argument from `channel`, call `pkg.module:function` with it, send what came of it; return if a result.

    A `SystemExit` is not caught: a target that ends its process has no result.
    """
    global _channel  # noqa: PLW0603 (a process does one run at a time)
    with channel, channel.makefile("rwb") as stream:
        _channel = cast("BinaryIO", stream)
        argument = json.loads(stream.readline())
        try:
            _send({"result": dict(_target(name)(argument))})
        except Exception as error:  # noqa: BLE001 (whatever it is, the worker must hear of it)
            traceback.print_exc()
            _send(_said_by(error))
            return False
        finally:
            _channel = None
    return True


def _target(name: str) -> Callable[[Any], Any]:
    module, _, function = name.partition(":")
    found: Callable[[Any], Any] = getattr(importlib.import_module(module), function)
    return found


def _said_by(error: Exception) -> dict[str, Any]:
    """Give a typed error (one with a snake_case `code`) as it is; of any other only its kind and place.

    Messages of unforeseen errors may quote the data, which must not reach events; they are in the log's tail.
    """
    if isinstance(error, MemoryError) or type(error).__name__ in MEMORY_ERRORS:
        return {"error": {"code": "memory_limit_exceeded", "detail": f"out of memory {_place(error.__traceback__)}"}}
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        where = _place(error.__traceback__)
        return {"error": {"code": "open_files_limit_exceeded", "detail": f"too many open files {where}"}}
    code, detail = getattr(error, "code", None), getattr(error, "detail", None)
    if isinstance(code, str) and CODE.fullmatch(code):
        return {"failure": {"code": code, "detail": detail if isinstance(detail, str) else str(error)}}
    detail = f"{type(error).__qualname__} {_place(error.__traceback__)}"
    return {"error": {"code": "crashed", "detail": detail}}


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    return f"at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""


def _send(message: Mapping[str, Any], limit: int | None = None) -> None:
    line = json.dumps(message, allow_nan=False).encode() + b"\n"
    if limit is not None and len(line) > limit:
        raise ValueError(f"a progress report of {len(line)} bytes is larger than {limit}")
    if _channel is not None:
        _channel.write(line)
        _channel.flush()
