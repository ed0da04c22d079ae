"""The sandboxed process from its fork on: it confines itself, and serves one run, or several one after the other.

Here is the order of things; `confinement` sets limits, `inside` calls the target, `reuse` cleans up between two runs.
"""

import contextvars
import faulthandler
import json
import os
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from dataplatform.jobs.confinement import Limits, allow_processor_time, confine
from dataplatform.jobs.inside import answer, run_target
from dataplatform.jobs.reuse import Slate

CLEAN: Final = b"."
"""What a process says on its control line when a run is over and nothing of it is left."""
_ORDER_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child finds itself: its limits, the warden's number, whether it may open sockets, and for how many runs.

    `control`: the line on which it says that it is clean and hears of its next run; None for one that serves one run.
    """

    limits: Limits
    warden_pid: int
    network: bool
    runs: int
    control: socket.socket | None


def live(place: Place, order: Mapping[str, Any], channel: int, log: int) -> NoReturn:
    """Serve, and end; never returns into the warden's code."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _speak_into(log)
        confine(place.limits, place.warden_pid, network=place.network, runs=place.runs)
        if place.control is None:
            if order["traceparent"] is not None:
                os.environ["TRACEPARENT"] = order["traceparent"]
            if order["output_folder"] is not None:  # nobody else's folder, and counted as output
                os.environ["TMPDIR"] = tempfile.tempdir = order["output_folder"]
            status = run_target(order["target"], socket.socket(fileno=channel))
        else:
            status = _serve(place, place.control, order, channel)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 (nothing may climb out of the fork into the warden's own loop)
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _serve(place: Place, control: socket.socket, order: Mapping[str, Any], channel: int) -> int:
    """Serve runs for as long as each leaves nothing behind; return the exit code."""
    faulthandler.enable(sys.stderr)
    slate = Slate()
    del slate.descriptors[str(channel)]
    while True:
        slate.prepare({"TRACEPARENT": order["traceparent"]}, order["output_folder"])
        with warnings.catch_warnings():
            succeeded = contextvars.copy_context().run(answer, order["target"], socket.socket(fileno=channel))
        if not succeeded or order["last"] or not slate.wipe():
            return 0
        control.send(CLEAN)
        message, descriptors, _, _ = socket.recv_fds(control, _ORDER_BYTES, 2)
        if not message:
            return 0
        order = json.loads(message)
        channel, log = descriptors
        _speak_into(log)
        allow_processor_time(place.limits)


def _speak_into(log: int) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
