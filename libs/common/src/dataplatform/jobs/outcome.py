"""What a sandboxed run came to: the errors, and the decision between them. No I/O here."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dataplatform.jobs.confinement import Limits


class SandboxError(Exception):
    """The run was ended, or died, without a result.

    `code`: `timed_out`, `memory_limit_exceeded`, `cpu_limit_exceeded`, `output_limit_exceeded`,
    `open_files_limit_exceeded` or `crashed`. `detail` never quotes the input. `log_tail` is the end of what the run
    wrote to stdout and stderr: it may quote the input, so it is for logs only.
    """

    def __init__(self, code: str, detail: str, log_tail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.log_tail = log_tail


class SandboxFailure(Exception):  # noqa: N818 (an answer of the target, not an error of the sandbox)
    """The target raised a typed error (one with a `code`): it understood its input, and refuses it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, as the warden saw it: the `nth` of its process, which is still there if it was `kept`."""

    status: int
    reason: str | None
    peak_bytes: int
    cpu_seconds: float
    nth: int = 1
    kept: bool = False


def outcome_of(
    answer: Mapping[str, Any], end: Ended, limits: Limits, log_tail: str
) -> dict[str, Any] | SandboxError | SandboxFailure:
    """Decide what a run came to, from its last message and from how its process ended."""
    if end.reason is not None:
        return SandboxError(end.reason, _limit_in_words(end.reason, limits), log_tail)
    if "error" in answer:
        error = answer["error"]
        return SandboxError(error["code"], error["detail"], log_tail)
    if os.WIFSIGNALED(end.status):
        code, detail = _death_in_words(os.WTERMSIG(end.status), end, limits)
        return SandboxError(code, detail, log_tail)
    if "failure" in answer:
        return SandboxFailure(answer["failure"]["code"], answer["failure"]["detail"])
    status = os.waitstatus_to_exitcode(end.status)
    if status != 0 or "result" not in answer:
        return SandboxError("crashed", f"the process exited with status {status} before it gave a result", log_tail)
    result: dict[str, Any] = answer["result"]
    return result


def _limit_in_words(code: str, limits: Limits) -> str:
    return {
        "timed_out": f"the run took longer than {limits.wall_seconds:g} s",
        "memory_limit_exceeded": f"the run took more than {limits.memory_bytes} bytes of memory",
        "cpu_limit_exceeded": f"the run took more than {limits.cpu_seconds:g} s of processor time",
        "output_limit_exceeded": f"the run wrote more than {limits.output_bytes} bytes",
    }[code]


def _death_in_words(number: int, end: Ended, limits: Limits) -> tuple[str, str]:
    code = {int(signal.SIGXCPU): "cpu_limit_exceeded", int(signal.SIGXFSZ): "output_limit_exceeded"}.get(number)
    if number == signal.SIGKILL and end.cpu_seconds > limits.cpu_seconds:
        code = "cpu_limit_exceeded"  # SIGXCPU was ignored, the hard limit was not
    if code is not None:
        return code, _limit_in_words(code, limits)
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return "crashed", f"the process was killed by {name}"
