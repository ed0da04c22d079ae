"""Sandbox: one call of a function on hostile input, in a process of its own, with limits, killable at any moment.

    async with Sandbox(["pyarrow", "processing_svc.handlers"]) as sandbox:
        result = await sandbox.run("processing_svc.standardize:standardize", {"path": "..."}, limits)

JSON in, JSON out. Here is the worker's side; `warden` forks, `watch` sees from outside, `child` is the process itself:
`confinement` sets its limits, `inside` calls, `reuse` cleans up between two runs. `conversation` is what worker and run
say to each other, `outcome` what it comes to.
The runs see none of the worker's environment but what `KEPT_VARIABLES` lists: no password, no key, no address.
Requires Linux.
"""

import asyncio
import itertools
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog
from prometheus_client import Counter, Histogram

from dataplatform.jobs.confinement import Limits
from dataplatform.jobs.conversation import ANSWER_BYTES, MisbehaviourError, Progress, converse, tail_of
from dataplatform.jobs.inside import report_progress, traceparent
from dataplatform.jobs.outcome import Ended, SandboxError, SandboxFailure, outcome_of
from dataplatform.jobs.reuse import Reuse

__all__ = ["Limits", "Reuse", "Sandbox", "SandboxError", "SandboxFailure", "report_progress", "traceparent"]

KEPT_VARIABLES: Final = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|VIRTUAL_ENV"
    r"|PYTHON(PATH|HOME|UTF8|HASHSEED|DONTWRITEBYTECODE|NOUSERSITE|WARNINGS)|(OMP|OPENBLAS|MKL|ARROW|POLARS)_\w+"
)
SINGLE_THREADED: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Threads that a library starts when it is imported do not survive a fork; a run is single-threaded anyway."""
START_SECONDS: Final = 60.0
END_SECONDS: Final = 10.0

RUNS: Final = Counter("dataplatform_sandbox_runs", "Sandboxed runs by outcome", ["target", "outcome"])
PROCESSES: Final = Counter("dataplatform_sandbox_processes", "Processes that sandboxed runs began in", ["target"])
PEAK: Final = Histogram(
    "dataplatform_sandbox_peak_memory_bytes",
    "Private memory of a sandboxed run at its peak",
    ["target"],
    buckets=[2**n << 20 for n in range(4, 14)],
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Awaited:
    """What is to be heard of a run: that it is over, and that its process is gone, unless that is kept."""

    ended: "asyncio.Future[Ended]"
    gone: "asyncio.Future[None]"


@dataclass(eq=False)
class _Warden:
    """A warden process and the two lines to it. It ends when `requests` is closed."""

    process: subprocess.Popen[bytes]
    requests: socket.socket
    reports: asyncio.StreamReader
    transport: asyncio.ReadTransport
    loop: asyncio.AbstractEventLoop
    listener: asyncio.Task[None] | None = None
    waiting: dict[int, _Awaited] = field(default_factory=dict)

    def request(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one request; raises `OSError` when the warden is gone."""
        socket.send_fds(self.requests, [json.dumps(message).encode() + b"\n"], descriptors)

    async def listen(self) -> None:
        """Hand out what the warden reports, until it is gone."""
        while line := await self.reports.readline():
            report = json.loads(line)
            number = report.pop("ended")
            awaited = self.waiting.get(number)
            if awaited is None:
                continue  # a process that waited for its next run ended
            if not awaited.ended.done():
                awaited.ended.set_result(Ended(**report))
            if not report["kept"]:
                awaited.gone.set_result(None)
                del self.waiting[number]
        self.abandon()

    def abandon(self) -> None:
        """Let every waiting run know that there is nobody left to report."""
        for awaited in self.waiting.values():
            if not awaited.ended.done():
                awaited.ended.set_exception(
                    SandboxError("crashed", "the warden of the sandbox ended; its runs with it")
                )
                awaited.ended.exception()  # seen, also when nobody waits any more
            awaited.gone.set_result(None)
        self.waiting.clear()

    async def end(self, run: int) -> None:
        """Have the run's process killed if it is there, and wait until it is gone."""
        awaited = self.waiting.get(run)
        if awaited is not None:
            with suppress(OSError):
                self.request({"kill": run})
                await asyncio.wait([awaited.gone], timeout=END_SECONDS)
            self.waiting.pop(run, None)

    def keep(self, run: int) -> None:
        """Let the run's process wait for the next."""
        self.waiting.pop(run, None)
        with suppress(OSError):
            self.request({"keep": run})

    @property
    def alive(self) -> bool:
        """Whether a run can be asked for from the current event loop."""
        listening = self.listener is not None and not self.listener.done()
        return listening and self.loop is asyncio.get_running_loop() and self.process.poll() is None


class Sandbox:
    """Runs targets in forks of a process that has imported `preload` already.

    `environment`: variables the runs get besides the kept ones. `network`: whether they may open sockets (no).
    `warm`: a function "pkg.module:function" without arguments, called once before anything is forked, on data of its
    own, so that no run pays for what libraries do at first use; it may leave no thread. `reuse`: whether a process may
    serve several runs; read there what that gives up. Without it every run has a process of its own.
    The first run, or `start`, starts the warden; `close` ends it and every run. A sandbox belongs to one event loop at
    a time; any number of runs may go on at once.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        network: bool = False,
        warm: str | None = None,
        reuse: Reuse | None = None,
    ) -> None:
        self._options = {
            "preload": list(preload),
            "network": network,
            "warm": warm,
            "reuse": asdict(reuse) if reuse is not None else None,
        }
        kept = {name: value for name, value in os.environ.items() if KEPT_VARIABLES.fullmatch(name)}
        self._environment = {**SINGLE_THREADED, **kept, **(environment or {})}
        self._numbers = itertools.count(1)
        self._warden: _Warden | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Import the preloaded modules now rather than at the first run; raises `SandboxError` if one cannot be."""
        await self._ready_warden()

    async def close(self) -> None:
        """Kill every run and end the warden."""
        warden, self._warden = self._warden, None
        if warden is not None:
            await _dismiss(warden)

    async def run(
        self,
        target: str,
        argument: Mapping[str, Any],
        limits: Limits,
        on_progress: Progress | None = None,
        *,
        traceparent: str | None = None,
        output_folder: Path | None = None,
        fresh: bool = False,
        group: str | None = None,
    ) -> dict[str, Any]:
        """Call `target` ("pkg.module:function") with `argument` in the sandbox and return what it returns.

        The target calls `report_progress` for `on_progress` to be called. Raises `SandboxFailure` for a typed error of
        the target and `SandboxError` for everything else. When this returns or raises, also `CancelledError`, no
        process of the run is left but, after a result, the one that waits for the next where there is `reuse`.
        `fresh`: a process for this run alone all the same. `group`: only runs of the same group share a process.
        A run's temporary files go to its `output_folder`: give every run its own.
        """
        warden = await self._ready_warden()
        number = next(self._numbers)
        request = {
            "run": number,
            "target": target,
            "limits": asdict(limits),
            "output_folder": str(output_folder) if output_folder is not None else None,
            "traceparent": traceparent,
            "fresh": fresh,
            "group": group,
        }
        ended: asyncio.Future[Ended] = warden.loop.create_future()
        warden.waiting[number] = _Awaited(ended, warden.loop.create_future())
        try:
            async with _lines_to(warden, request) as (reader, writer, log):
                ended.add_done_callback(lambda _: _hang_up(writer))
                tail = asyncio.create_task(tail_of(log))
                try:
                    answer = await converse(reader, writer, argument, on_progress)
                except MisbehaviourError as error:
                    answer = {"error": {"code": error.code, "detail": error.detail}}
                    warden.request({"kill": number})
                end = await asyncio.shield(ended)  # a cancelled run still waits for its end
                await asyncio.wait([tail], timeout=1)
        except BaseException:
            await warden.end(number)
            raise
        outcome = outcome_of(answer, end, limits, tail.result() if tail.done() else "")
        _record(target, end, outcome)
        if isinstance(outcome, Exception):
            await warden.end(number)
            raise outcome
        if end.kept:
            warden.keep(number)
        return outcome

    async def _ready_warden(self) -> _Warden:
        async with self._starting:
            if self._warden is not None and not self._warden.alive:
                await self.close()
            if self._warden is None:
                self._warden = await self._start_warden()
            return self._warden

    async def _start_warden(self) -> _Warden:
        requests, theirs = socket.socketpair()
        reports, reporting = os.pipe()
        command = [sys.executable, "-P", "-m", "dataplatform.jobs.warden"]
        arguments = [str(theirs.fileno()), str(reporting), json.dumps(self._options)]
        with theirs:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 (our own module; returns as soon as the process exists)
                [*command, *arguments],
                env=self._environment,
                pass_fds=(theirs.fileno(), reporting),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the worker
            )
        os.close(reporting)
        reader, transport = await _read_pipe(os.fdopen(reports, "rb", buffering=0))
        warden = _Warden(process, requests, reader, transport, asyncio.get_running_loop())
        try:
            async with asyncio.timeout(START_SECONDS):
                said = json.loads(await reader.readline() or "{}")
            if "ready" not in said:
                reason = said.get("failed", "its process ended at once")
                raise SandboxError("crashed", f"the sandbox cannot start: {reason}")  # noqa: TRY301
        except BaseException:
            await _dismiss(warden)
            raise
        warden.listener = asyncio.create_task(warden.listen())
        return warden


async def _dismiss(warden: _Warden) -> None:
    """End a warden, which kills its runs; also one whose event loop is gone."""
    warden.requests.close()
    try:
        await asyncio.to_thread(warden.process.wait, END_SECONDS)
    except subprocess.TimeoutExpired:
        warden.process.kill()
        await asyncio.to_thread(warden.process.wait)
    with suppress(RuntimeError):  # the loop is closed
        if warden.listener is not None:
            warden.listener.cancel()
        warden.transport.close()
    if warden.loop is asyncio.get_running_loop():
        warden.abandon()


@asynccontextmanager
async def _lines_to(
    warden: _Warden, request: Mapping[str, Any]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamReader]]:
    """Ask for a run, and give the two ends of its channel and the reading end of its log."""
    ours, channel = socket.socketpair()
    log, logging = os.pipe()
    with ours, os.fdopen(log, "rb", buffering=0) as log_file:
        try:
            warden.request(request, [channel.fileno(), logging])
        except OSError as error:
            raise SandboxError("crashed", "the warden of the sandbox is gone") from error
        finally:
            channel.close()
            os.close(logging)
        log_reader, log_transport = await _read_pipe(log_file)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=ANSWER_BYTES)
            try:
                yield reader, writer, log_reader
            finally:
                writer.transport.abort()
        finally:
            log_transport.close()  # also ends whoever still reads the log


async def _read_pipe(pipe: FileIO) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    return reader, transport


def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Take what was said until now, and no more: a process that is kept does not have to close its end."""
    line = writer.get_extra_info("socket")
    with suppress(OSError, ValueError):
        line.shutdown(socket.SHUT_RD)


def _record(target: str, end: Ended, outcome: dict[str, Any] | SandboxError | SandboxFailure) -> None:
    code = outcome.code if isinstance(outcome, SandboxError | SandboxFailure) else "completed"
    RUNS.labels(target, "refused" if isinstance(outcome, SandboxFailure) else code).inc()
    PEAK.labels(target).observe(end.peak_bytes)
    if end.nth == 1:
        PROCESSES.labels(target).inc()
    _log.debug("sandbox_ended", target=target, outcome=code, peak_bytes=end.peak_bytes, cpu_seconds=end.cpu_seconds)
