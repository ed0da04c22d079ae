"""The whole platform in a folder of its own, started as `make start` does, with a hand on each of its processes."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from dataplatform_stack.ports import is_free
from dataplatform_stack.running.plan import Plan
from dataplatform_stack.running.runner import Runner
from dataplatform_stack.settings import StackSettings

_PORTS = 60


class Platform:
    """A running platform: its address, its databases, its processes by name (`ingest-api-1`, `kafka`, ...)."""

    def __init__(
        self, folder: Path, replicas: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        base = _free_range(random.SystemRandom())
        own = {"data_dir": folder, "port": base + _PORTS - 1, "base_port": base, "start_seconds": 120}
        self.settings = StackSettings.model_validate({**own, "replicas": dict(replicas or {}), **(settings or {})})
        self.runner = Runner(self.settings, lambda line: print(f"platform: {line}", file=sys.stderr))
        self.plan: Plan = self.runner.start(foreground=True)

    @property
    def url(self) -> str:
        """The one address people use."""
        return self.settings.url

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address."""
        return self.plan.bootstrap_servers

    @property
    def password(self) -> str:
        """The administrator's."""
        return self.plan.administrator_password

    def database_url(self, service: str) -> str:
        """Return the URL of a service's database."""
        return self.plan.database_url(service)

    @property
    def roles(self) -> list[str]:
        """The names of all role processes."""
        return [replica.title for replica in self.plan.replicas]

    def pid(self, name: str) -> int:
        """Return the process id under the supervisor, 0 while it does not run."""
        return next((process.pid for process in self.runner.supervisor.processes() if process.name == name), 0)

    def signal(self, name: str, number: signal.Signals, *, tree: bool = False) -> bool:
        """Send a signal to a process (and its children where asked); return whether it ran."""
        pid = self.pid(name)
        if not pid:
            return False
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in [process, *(process.children(recursive=True) if tree else [])]:
                one.send_signal(number)
            return True
        return False

    def metric(self, name: str, metric: str) -> float:
        """Return a metric without labels as one process tells it."""
        url = next(program.health_url for program in self.plan.programs() if program.name == name)
        text = httpx.get(str(url).replace("/readyz", "/metrics"), timeout=10).text
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{metric} ")))

    def kill(self, name: str) -> bool:
        """SIGKILL a process; the supervisor starts it again."""
        return self.signal(name, signal.SIGKILL)

    def stop_process(self, name: str, group: str = "roles") -> None:
        """Stop a process in good order, and keep it stopped."""
        self.runner.supervisor._call("stopProcess", f"{group}:{name}")

    def start_process(self, name: str, group: str = "roles") -> None:
        """Start it again."""
        self.runner.supervisor._call("startProcess", f"{group}:{name}")

    def command(self, *arguments: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run the command `dataplatform` against this platform."""
        environment = {**os.environ, "DATAPLATFORM_ENV_FILE": str(self.runner.layout.env_file)}
        return subprocess.run(
            [sys.executable, "-m", "dataplatform_cli", *arguments],
            capture_output=True, text=True, timeout=timeout, env=environment, check=False,
        )  # fmt: skip

    def wait_ready(self, seconds: float = 60) -> None:
        """Return when every role answers that it is ready."""

        def ready() -> bool:
            with suppress(httpx.HTTPError):
                urls = [program.health_url for program in self.plan.programs() if program.health_url]
                return all(httpx.get(url, timeout=5).status_code == httpx.codes.OK for url in urls)
            return False

        wait_until(ready, "every role is ready", seconds)

    def stop(self) -> None:
        """Stop everything."""
        self.runner.stop()


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60, every: float = 0.05) -> None:
    """Poll a condition until it holds; fails after `seconds`, naming it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(every)


def _free_range(chance: random.Random) -> int:
    while True:
        base = chance.randrange(20_000, 31_000)
        if all(is_free(port) for port in range(base, base + _PORTS)):
            return base
