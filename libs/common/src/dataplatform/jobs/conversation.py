"""What the worker and a run say to each other: one argument in, progress and one answer out, in JSON lines.

The other side is `inside`, but hostile input may have taken it over: nothing it says is taken on trust.
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from dataplatform.jobs.inside import PROGRESS_BYTES

ANSWER_BYTES: Final = 16 << 20
LOG_TAIL_BYTES: Final = 16 << 10

Progress = Callable[[dict[str, Any]], Awaitable[None] | None]


class MisbehaviourError(Exception):
    """The run said what no honest target says; it is to be ended."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def converse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    argument: Mapping[str, Any],
    on_progress: Progress | None,
) -> dict[str, Any]:
    """Hand the argument in, pass progress on, and return the answer; {} if the run ended without one.

    An answer is `{"result": {...}}`, or `{"failure" | "error": {"code", "detail"}}`. Raises `MisbehaviourError`.
    """
    writer.write(json.dumps(argument, allow_nan=False).encode() + b"\n")
    with suppress(ConnectionError):
        await writer.drain()
    while "progress" in (message := await _next_message(reader)):
        if on_progress is not None:
            awaited = on_progress(message["progress"])
            if inspect.isawaitable(awaited):
                await awaited
    return message


async def _next_message(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        line = await reader.readline()
    except ConnectionError:
        return {}
    except ValueError:  # what StreamReader raises for a line beyond its limit
        raise MisbehaviourError("output_limit_exceeded", f"the result is larger than {ANSWER_BYTES} bytes") from None
    if not line.endswith(b"\n"):
        return {}
    try:
        message = json.loads(line)
    except ValueError:
        raise MisbehaviourError("crashed", "the run sent what is not JSON") from None
    if not _is_well_formed(message):
        raise MisbehaviourError("crashed", "the run sent what is no message")
    if "progress" in message and len(line) > PROGRESS_BYTES:
        detail = f"a progress report is larger than {PROGRESS_BYTES} bytes"
        raise MisbehaviourError("output_limit_exceeded", detail)
    return dict(message)


def _is_well_formed(message: object) -> bool:
    match message:
        case {"progress": dict(), **others} | {"result": dict(), **others}:
            return not others
        case {"failure": {"code": str(), "detail": str()}, **others}:
            return not others
        case {"error": {"code": str(), "detail": str()}, **others}:
            return not others
    return False


async def tail_of(log: asyncio.StreamReader) -> str:
    """Read a log to its end, and return the last of it."""
    tail = b""
    while chunk := await log.read(65_536):
        tail = (tail + chunk)[-LOG_TAIL_BYTES:]
    return tail.decode(errors="replace")
