"""Peak memory of a platform, sampled while something runs: proportional set size, so shared pages count once."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from harness.platform import Platform

MEBIBYTE = 1 << 20


class PeakMemory:
    """Samples every role and its children; `peaks` is MiB by role, `total` the most of all of them together."""

    def __init__(self, platform: Platform, every: float = 0.5) -> None:
        self._platform = platform
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peaks: dict[str, float] = {}
        self.total = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        pids = {process.name: process.pid for process in self._platform.runner.supervisor.processes() if process.pid}
        while not self._stop.wait(self._every):
            sizes = {name: _tree_size(pid) for name, pid in pids.items()}
            self.peaks = {name: max(size, self.peaks.get(name, 0.0)) for name, size in sizes.items()}
            self.total = max(self.total, sum(sizes.values()))


def _tree_size(pid: int) -> float:
    size = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                size += one.memory_full_info().pss
    return size / MEBIBYTE
