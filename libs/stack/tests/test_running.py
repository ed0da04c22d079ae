"""The runner with real servers under the real supervisor: up, down, again, after a crash, and when something fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import free_ports, is_free
from dataplatform_stack.running import supervisor as supervision
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.plan import MARK, Program
from dataplatform_stack.running.readiness import wait_all, wait_for_supervisor
from dataplatform_stack.running.supervisor import Supervisor, stop_marked
from dataplatform_stack.services.processes import signal_all, spawn, tree, wait_gone

pytestmark = pytest.mark.integration


class Platform:
    """The commands of one data folder, as a person runs them."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.base_port = _free_block(60)
        # As far as the platform is concerned, no setting of the surroundings exists.
        outside = {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}
        own = {"DATA_DIR": str(data_dir), "BASE_PORT": str(self.base_port), "PORT": str(free_ports(1)[0])}
        self.environment = {**outside, **own}
        self.environment.pop("REPLICAS", None)

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def up(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run `up` in the foreground, return when it says that it is ready."""
        process = subprocess.Popen(
            self._command("up", *arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if "Ctrl-C stops" in line:
                return process
        process.wait()
        process.stdout.close()
        raise AssertionError(seen)

    def pids(self) -> dict[str, int]:
        status = json.loads(self.run("status", "--json").stdout)
        return {row["name"]: row["pid"] for row in status["processes"]}

    def superuser_url(self) -> str:
        password = json.loads((self.data_dir / "secrets.json").read_text())["postgres_superuser"]
        return f"postgresql://postgres:{password}@127.0.0.1:{self.base_port + 2}/ingest"

    def ports_are_free(self) -> bool:
        return all(is_free(self.base_port + offset) for offset in range(11))

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "dataplatform_stack", *arguments]


def _free_block(size: int) -> int:
    for first in free_ports(50):
        if all(is_free(first + offset) for offset in range(size)):
            return first
    raise AssertionError("no block of free ports")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path / "data")
    yield platform
    platform.run("down")
    assert stop_marked(MARK, str(platform.data_dir)) == 0


def _alive(pids: Iterable[int]) -> list[int]:
    """Return those that still run; one that ended and waits for its new parent's notice does not."""
    found = [process for pid in pids for process in tree(pid)[:1]]
    return [process.pid for process in found if process.status() != psutil.STATUS_ZOMBIE]


def _eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_started_servers_keep_their_data_and_leave_nothing_behind(platform: Platform) -> None:
    assert platform.run("status").returncode == 3
    first = platform.run("start", "--infra-only")
    assert first.returncode == 0, first.stdout + first.stderr
    assert str(platform.data_dir / "platform.env") in first.stdout
    assert (platform.data_dir / "platform.env").stat().st_mode & 0o777 == 0o600
    with psycopg.connect(platform.superuser_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    status = platform.run("status")
    assert status.returncode == 0
    assert "MiB" in status.stdout
    pids = platform.pids()
    assert set(pids) == {"kafka", "postgres", "s3", "supervisor"}

    again = platform.run("up", "--infra-only")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert platform.pids() == pids

    assert platform.run("down").stdout.strip() == "stopped"
    assert platform.ports_are_free()
    assert not _alive(pids.values())
    assert platform.run("down").stdout.strip() == "nothing was running"

    assert platform.run("start", "--infra-only").returncode == 0
    with psycopg.connect(platform.superuser_url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)

    reset = platform.run("reset", YES="1")
    assert reset.returncode == 0
    assert not platform.data_dir.exists()
    assert platform.ports_are_free()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_foreground_cleanly(platform: Platform, number: signal.Signals) -> None:
    process = platform.up("--infra-only")
    os.killpg(process.pid, number)  # as a terminal does: the whole foreground group gets it
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.strip().endswith("stopped")
    assert platform.ports_are_free()
    assert "database system is shut down" in (platform.data_dir / "logs" / "postgres.log").read_text()


def test_a_killed_runner_takes_everything_with_it(platform: Platform) -> None:
    process = platform.up("--infra-only")
    process.kill()
    process.communicate()
    _eventually(platform.ports_are_free)


def test_a_crash_of_a_server_of_everything_and_of_the_supervisor_is_survived(platform: Platform) -> None:
    assert platform.run("start", "--infra-only").returncode == 0
    killed = platform.pids()["kafka"]
    os.kill(killed, signal.SIGKILL)
    _eventually(lambda: platform.pids()["kafka"] not in {0, killed})

    processes = tree(platform.pids()["supervisor"])
    signal_all(processes, signal.SIGKILL)
    assert wait_gone(processes, timeout_seconds=10)
    assert (platform.data_dir / "postgres" / "cluster" / "postmaster.pid").exists()
    assert platform.run("start", "--infra-only").returncode == 0
    assert platform.run("status").returncode == 0

    orphans = platform.pids()
    supervisor = psutil.Process(orphans.pop("supervisor"))
    supervisor.kill()
    assert wait_gone([supervisor], timeout_seconds=10)
    again = platform.run("start", "--infra-only")
    assert again.returncode == 0, again.stderr
    assert "left from an unclean end" in again.stdout
    assert not _alive(orphans.values())


def test_a_taken_port_is_named_and_nothing_is_started(platform: Platform) -> None:
    other = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(platform.base_port + 2)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _eventually(lambda: not is_free(platform.base_port + 2))
        failed = platform.run("start", "--infra-only")
    finally:
        other.kill()
        other.wait()
    assert failed.returncode == 1
    assert f"port {platform.base_port + 2} (PostgreSQL) is taken by" in failed.stderr
    assert f"(pid {other.pid}); set DATAPLATFORM_POSTGRES_PORT" in failed.stderr
    assert platform.ports_are_free()


def test_a_wrong_setting_is_a_sentence_not_a_traceback(platform: Platform) -> None:
    failed = platform.run("up", REPLICAS="workers=2")
    assert failed.returncode == 1
    assert "REPLICAS: 'workers=2' is not role=count" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_reset_deletes_no_folder_that_is_not_its_own(platform: Platform) -> None:
    platform.data_dir.mkdir()
    (platform.data_dir / "thesis.txt").write_text("three years of work")
    refused = platform.run("reset", YES="1")
    assert refused.returncode == 1
    assert "nothing was deleted" in refused.stderr
    assert (platform.data_dir / "thesis.txt").exists()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[[str], tuple[Supervisor, Layout]]]:
    """Run one Python program under the real supervisor."""
    layout = Layout(tmp_path / "data")
    layout.make()
    supervisor = Supervisor(layout)
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> tuple[Supervisor, Layout]:
        program = Program("oracle", "roles", (sys.executable, "-c", code), {}, tmp_path, signal.SIGTERM, 5)
        layout.supervisor_config.write_text(supervision.render([program], layout, root_user=os.geteuid() == 0))
        log = layout.log("supervisord-output")
        started.append(spawn(supervision.command(layout), environment={}, directory=layout.root, log=log))
        wait_for_supervisor(supervisor, layout, 30)
        supervisor.start_group("roles")
        return supervisor, layout

    yield start
    supervisor.shut_down()
    for process in started:
        process.wait(30)


def test_a_role_that_ends_while_starting_is_named_with_its_last_words(
    supervised: Callable[[str], tuple[Supervisor, Layout]],
) -> None:
    supervisor, layout = supervised("print('the safe is locked'); raise SystemExit(3)")
    with pytest.raises(StackError) as failure:
        wait_all({"oracle": lambda: False}, supervisor, layout, timeout_seconds=30, report=print)
    assert failure.value.code == "not_ready"
    assert "oracle ended while starting" in failure.value.message
    assert "the safe is locked" in failure.value.message


def test_a_role_that_never_becomes_ready_is_named_with_its_last_words(
    supervised: Callable[[str], tuple[Supervisor, Layout]],
) -> None:
    supervisor, layout = supervised("import time; print('still thinking', flush=True); time.sleep(600)")
    _eventually(lambda: "still thinking" in layout.log("oracle").read_text())
    with pytest.raises(StackError) as failure:
        wait_all({"oracle": lambda: False}, supervisor, layout, timeout_seconds=0.3, report=print)
    assert "oracle did not become ready within 0 s" in failure.value.message
    assert "still thinking" in failure.value.message
