"""A bound on the processor time of one piece of work, in Python code of the main thread."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfPatienceError(Exception):
    """The work took more processor time than it may."""


@contextmanager
def within(cpu_seconds: float) -> Iterator[None]:
    """Raise `OutOfPatienceError` in the block after so much processor time; other threads are not bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise OutOfPatienceError(f"more than {cpu_seconds:.0f} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
