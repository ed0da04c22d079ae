"""`up`, `start` and `down`: from nothing to a ready platform and back, in order, whatever was left from before."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from dataplatform_stack.credentials import Credentials, write_private
from dataplatform_stack.ports import require_free
from dataplatform_stack.running import supervisor as supervision
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.plan import MARK, Plan, inherited_environment
from dataplatform_stack.running.provision import provision
from dataplatform_stack.running.readiness import ReadyCheck, wait_all, wait_for_supervisor
from dataplatform_stack.running.supervisor import Supervisor
from dataplatform_stack.services import Server
from dataplatform_stack.services.processes import spawn
from dataplatform_stack.settings import StackSettings

Report = Callable[[str], None]
_FINAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Runner:
    """The platform of one data folder."""

    def __init__(self, settings: StackSettings, report: Report) -> None:
        self.settings = settings
        self.layout = Layout(settings.data_dir)
        self.supervisor = Supervisor(self.layout)
        self.report = report
        self._spawned: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its supervisor answers."""
        return self.supervisor.pid() is not None

    def start(self, *, infra_only: bool = False, foreground: bool = False) -> Plan:
        """Start everything and return when all of it is ready; on any failure nothing is left running."""
        self.layout.make()
        credentials = Credentials.load_or_make(self.layout.secrets)
        plan = Plan(self.settings, credentials, self.layout, infra_only)
        with self.exclusive():
            self._clear_remains()
            require_free(plan.ports())
            self._prepare(plan)
            self._spawn_supervisor(plan, foreground=foreground)
            try:
                self._bring_up(plan)
            except BaseException:
                self.report("stopping what was started")
                self._stop()
                raise
        return plan

    def wait(self) -> None:
        """Return when the platform has ended, or raise KeyboardInterrupt at the first signal that asks for it."""
        ended = threading.Event()
        while self.running and not ended.wait(1):
            pass

    def stop(self) -> bool:
        """Stop everything, roles before servers; return whether anything ran."""
        if not self.layout.run.is_dir():
            return False
        with self.exclusive():
            return self._stop()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the platform's lock: only one command at a time starts or stops it."""
        with self.layout.lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.report("another command is starting or stopping the platform; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _stop(self) -> bool:
        ran = self.running
        self.supervisor.shut_down()
        left = supervision.stop_marked(MARK, str(self.layout.root))
        self.layout.state.unlink(missing_ok=True)
        if self._spawned is not None:
            self._spawned.wait()
        return ran or left > 0

    def _clear_remains(self) -> None:
        """End processes that a killed supervisor left behind, and forget what it wrote."""
        if count := supervision.stop_marked(MARK, str(self.layout.root)):
            self.report(f"ended {count} processes left from an unclean end")
        self.layout.socket.unlink(missing_ok=True)
        shutil.rmtree(self.layout.scratch, ignore_errors=True)
        self.layout.make()

    def _prepare(self, plan: Plan) -> None:
        self.report("preparing the servers" if plan.infra else "using outside servers only")
        servers = [*plan.infra, *([plan.caddy] if plan.caddy else [])]
        with ThreadPoolExecutor() as pool:
            list(pool.map(_prepare_server, servers))
        for replica in plan.replicas:
            (self.layout.scratch / replica.title).mkdir(mode=0o700, exist_ok=True)
        write_private(self.layout.env_file, plan.env_lines())
        self.layout.state.write_text(json.dumps(plan.described(), indent=2), encoding="utf-8")

    def _spawn_supervisor(self, plan: Plan, *, foreground: bool) -> None:
        config = supervision.render(plan.programs(), self.layout, root_user=os.geteuid() == 0)
        write_private(self.layout.supervisor_config, config)
        self._spawned = spawn(
            supervision.command(self.layout),
            environment=inherited_environment(plan),
            directory=self.layout.root,
            log=self.layout.log("supervisord-output"),
            death_signal=signal.SIGTERM if foreground else None,
        )
        wait_for_supervisor(self.supervisor, self.layout, self.settings.start_seconds)

    def _bring_up(self, plan: Plan) -> None:
        wait = partial(
            wait_all,
            supervisor=self.supervisor,
            layout=self.layout,
            timeout_seconds=self.settings.start_seconds,
            report=self.report,
        )
        provision(plan, lambda server: wait({server.name: server.is_ready} if server else {}))
        if plan.replicas:
            self.report("databases, bucket, topics and first administrator are there")
            for group in sorted({program.group for program in plan.programs()} - {"infra"}):
                self.supervisor.start_group(group)
            checks: dict[str, Callable[[], bool]] = {
                p.name: ReadyCheck(p.health_url) for p in plan.programs() if p.health_url
            }
            wait(checks | ({plan.caddy.name: plan.caddy.is_ready} if plan.caddy else {}))


def _prepare_server(server: Server) -> None:
    server.prepare()


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, and ignore those that follow."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in _FINAL:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in _FINAL:
        signal.signal(number, interrupt)
    yield
