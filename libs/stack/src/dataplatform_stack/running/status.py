"""What runs now: every process with its state, its health and its memory."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.readiness import ReadyCheck
from dataplatform_stack.running.supervisor import ProcessState, Supervisor
from dataplatform_stack.services.processes import memory_bytes

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One process; `memory_bytes` is the proportional share of it and all its children."""

    name: str
    state: str
    health: str
    pid: int
    seconds: int
    memory_bytes: int


@dataclass(frozen=True)
class Status:
    """All processes of a running platform, the supervisor last."""

    url: str
    rows: tuple[Row, ...]

    @property
    def healthy(self) -> bool:
        """Whether every process runs and no role says otherwise."""
        return all(row.state == "RUNNING" and row.health in {"ready", "-"} for row in self.rows)

    @property
    def total_bytes(self) -> int:
        """The memory of all processes together."""
        return sum(row.memory_bytes for row in self.rows)

    def as_json(self) -> str:
        """Return it for scripts."""
        rows = [asdict(row) for row in self.rows]
        return json.dumps({"url": self.url, "total_bytes": self.total_bytes, "processes": rows}, indent=2)

    def as_table(self) -> str:
        """Return it for people."""
        head = f"{'ROLE':<26}{'STATE':<11}{'HEALTH':<11}{'PID':>8}{'UP':>10}{'MEMORY':>11}"
        lines = [
            f"{row.name:<26}{row.state:<11}{row.health:<11}{row.pid or '-':>8}{_duration(row.seconds):>10}"
            f"{_mib(row.memory_bytes):>11}"
            for row in self.rows
        ]
        total = f"{'in all':<66}{_mib(self.total_bytes):>11}"
        return "\n".join([head, *lines, total])


def current_status(layout: Layout, supervisor: Supervisor) -> Status | None:
    """Ask everything; None when nothing runs."""
    pid = supervisor.pid()
    if pid is None:
        return None
    described: dict[str, Any] = json.loads(layout.state.read_text(encoding="utf-8")) if layout.state.is_file() else {}
    health_urls: dict[str, str | None] = described.get("health", {})
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda process: _row(process, health_urls.get(process.name)), supervisor.processes()))
    own = Row("supervisor", "RUNNING", "-", pid, 0, memory_bytes(pid) - sum(row.memory_bytes for row in rows))
    return Status(url=described.get("url", ""), rows=(*rows, own))


def _row(process: ProcessState, health_url: str | None) -> Row:
    health = "-"
    if health_url and process.pid:
        health = "ready" if ReadyCheck(health_url)() else "not ready"
    memory = memory_bytes(process.pid) if process.pid else 0
    return Row(process.name, process.state, health, process.pid, process.seconds, memory)


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / _MIB:.0f} MiB"
