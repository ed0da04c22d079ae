"""From settings to the full list of processes: servers, roles, load balancer, with command lines and environments.

Pure but for the folder paths inside: nothing is started or written here.
"""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dataplatform_stack.credentials import Credentials
from dataplatform_stack.ports import LOOPBACK, Port
from dataplatform_stack.running.layout import Layout
from dataplatform_stack.running.roles import (
    CATALOG_DATA,
    CATALOG_WEB,
    INGEST_API,
    SERVICES,
    Replica,
    ports_of,
    replicas_of,
)
from dataplatform_stack.services import Caddy, Identity, Kafka, Postgres, SeaweedFS, Server, Upstreams
from dataplatform_stack.services.seaweedfs import REGION
from dataplatform_stack.settings import StackSettings

BUCKET = "dataplatform"
ADMINISTRATOR = "admin"
# Marks every process of one platform, so that those a killed supervisor left behind can be found.
MARK = "DATAPLATFORM_STACK_DATA_DIR"
_FIRST_ROLE_OFFSET = 20
_ROLE_STOP_SECONDS = 20
# What each service may do with objects: SeaweedFS takes a deletion for a write.
_OBJECT_RIGHTS = {
    "ingest": (
        "Read:{b}/originals/*",
        "Write:{b}/originals/*",
        "Read:{b}/incoming/*",
        "Write:{b}/incoming/*",
        "List:{b}",
    ),
    "processing": ("Read:{b}/originals/*", "Read:{b}/tables/*", "Write:{b}/tables/*", "List:{b}"),
    "quality": ("Read:{b}/tables/*", "Read:{b}/profiles/*", "Write:{b}/profiles/*", "List:{b}"),
    "catalog": (
        "Read:{b}/originals/*",
        "Read:{b}/tables/*",
        "Read:{b}/profiles/*",
        "Read:{b}/manifests/*",
        "Write:{b}/manifests/*",
        "Read:{b}/exports/*",
        "Write:{b}/exports/*",
        "List:{b}",
    ),
}


@dataclass(frozen=True)
class Program:
    """One process under the supervisor; `group` is started and stopped as a whole."""

    name: str
    group: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    stop_signal: signal.Signals
    stop_seconds: float
    health_url: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that follows from the settings and the secrets."""

    settings: StackSettings
    credentials: Credentials
    layout: Layout
    infra_only: bool = False

    @cached_property
    def kafka(self) -> Kafka | None:
        """The embedded Kafka, or None where an outside one is named."""
        if self.settings.kafka_bootstrap_servers:
            return None
        port = self.settings.kafka_port or self.settings.base_port
        controller_port = self.settings.kafka_controller_port or self.settings.base_port + 1
        return Kafka(self.layout.root / "kafka", port=port, controller_port=controller_port)

    @cached_property
    def postgres(self) -> Postgres | None:
        """The embedded PostgreSQL, or None where every service has an outside database."""
        if all(self.settings.database_url(service) for service in SERVICES):
            return None
        port = self.settings.postgres_port or self.settings.base_port + 2
        password = self.credentials.postgres_superuser
        return Postgres(self.layout.root / "postgres", port=port, superuser_password=password)

    @cached_property
    def s3(self) -> SeaweedFS | None:
        """The embedded S3, or None where an outside store or a folder is named."""
        if self.settings.object_store_url:
            return None
        first = self.settings.base_port + 3
        administrator = Identity("administrator", "administrator", self.credentials.s3_administrator, ("Admin",))
        services = (
            Identity(name, name, self.credentials.s3[name], tuple(right.format(b=BUCKET) for right in rights))
            for name, rights in _OBJECT_RIGHTS.items()
        )
        return SeaweedFS(
            self.layout.root / "s3",
            port=self.settings.s3_port or first,
            inner_ports=range(first + 1, first + 8),
            identities=(administrator, *services),
        )

    @cached_property
    def replicas(self) -> tuple[Replica, ...]:
        """Every process of every role."""
        first_port = self.settings.base_port + _FIRST_ROLE_OFFSET
        return () if self.infra_only else replicas_of(self.settings.replicas, first_port)

    @cached_property
    def caddy(self) -> Caddy | None:
        """The load balancer; None where there is nothing to balance."""
        if self.infra_only:
            return None
        upstreams = Upstreams(
            ingest_api=ports_of(self.replicas, INGEST_API),
            catalog_web=ports_of(self.replicas, CATALOG_WEB),
            catalog_data=ports_of(self.replicas, CATALOG_DATA),
        )
        return Caddy(self.layout.root / "caddy", port=self.settings.port, upstreams=upstreams)

    @property
    def infra(self) -> list[Server]:
        """The embedded servers that the roles need."""
        return [server for server in (self.kafka, self.postgres, self.s3) if server is not None]

    @property
    def services(self) -> list[str]:
        """The services of which at least one role runs."""
        running = {replica.role.service for replica in self.replicas}
        return [service for service in SERVICES if service in running]

    def ports(self) -> list[Port]:
        """Return every port that something will listen on."""
        servers = [*self.infra, *([self.caddy] if self.caddy else [])]
        roles = [Port(replica.port, replica.title, "DATAPLATFORM_BASE_PORT") for replica in self.replicas]
        return [port for server in servers for port in server.ports()] + roles

    def programs(self) -> list[Program]:
        """Return every process, in the order in which they start."""
        infra = [self._server_program(server, "infra") for server in self.infra]
        roles = [self._role_program(replica) for replica in self.replicas]
        edge = [self._server_program(self.caddy, "edge")] if self.caddy else []
        return [*infra, *roles, *edge]

    def environment(self, service: str) -> dict[str, str]:
        """Return the variables of one service beyond the inherited ones, HTTP port and scratch folder excepted."""
        specific = {
            "DATABASE_URL": self.database_url(service),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "ISSUER": self.public_url,
            "JWKS_URL": f"{self.settings.url}/.well-known/jwks.json",
            **self._object_store(service),
        }
        if service == "catalog":
            specific |= {
                "SECRET_KEY": self.credentials.catalog_secret_key,
                "PUBLIC_URL": self.public_url,
                "ALLOWED_HOSTS": ",".join(sorted({LOOPBACK, "localhost", urlsplit(self.public_url).hostname or ""})),
            }
        return {f"DATAPLATFORM_{name}": value for name, value in specific.items()}

    @property
    def public_url(self) -> str:
        """The address that tokens name as their issuer and pages link to."""
        return (self.settings.public_url or self.settings.url).rstrip("/")

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address, embedded or outside."""
        return self.settings.kafka_bootstrap_servers or (self.kafka.bootstrap_servers if self.kafka else "")

    def database_url(self, service: str) -> str:
        """Return the database URL of a service, embedded or outside."""
        if outside := self.settings.database_url(service):
            return outside
        return self.postgres.url(service, service, self.credentials.postgres[service]) if self.postgres else ""

    @property
    def administrator_password(self) -> str:
        """The first administrator's password: as set, else random."""
        return self.settings.admin_password or self.credentials.administrator_password

    def env_lines(self) -> str:
        """Return what people and the command line need, as `NAME=value` lines."""
        values = {
            "URL": self.settings.url,
            "ADMIN_USERNAME": ADMINISTRATOR,
            "ADMIN_PASSWORD": self.administrator_password,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            **{f"{service.upper()}_DATABASE_URL": self.database_url(service) for service in SERVICES},
            **self._object_store("catalog"),
        }
        header = "# Written by `make up` at each start. Whoever reads this file is administrator of everything.\n"
        return header + "".join(f"DATAPLATFORM_{name}={value}\n" for name, value in values.items())

    def described(self) -> dict[str, Any]:
        """Return what other commands need to know about the running platform, as JSON."""
        health = {program.name: program.health_url for program in self.programs()}
        return {"url": self.settings.url, "health": health}

    def _object_store(self, service: str) -> dict[str, str]:
        if self.s3 is None:
            return {"OBJECT_STORE_URL": self.settings.object_store_url or ""}
        return {
            "OBJECT_STORE_URL": f"s3://{BUCKET}",
            "S3_ENDPOINT_URL": self.s3.endpoint_url,
            "S3_REGION": REGION,
            "S3_ACCESS_KEY_ID": service,
            "S3_SECRET_ACCESS_KEY": self.credentials.s3[service],
        }

    def _server_program(self, server: Server, group: str) -> Program:
        return Program(
            name=server.name,
            group=group,
            command=tuple(server.command()),
            environment=server.environment(),
            directory=server.data_dir,
            stop_signal=server.stop_signal,
            stop_seconds=server.stop_seconds,
        )

    def _role_program(self, replica: Replica) -> Program:
        own = {
            "DATAPLATFORM_HTTP_HOST": LOOPBACK,
            "DATAPLATFORM_HTTP_PORT": str(replica.port),
            "DATAPLATFORM_SCRATCH_DIR": str(self.layout.scratch / replica.title),
            "DATAPLATFORM_CONSUMER_INSTANCE": replica.title,
        }
        return Program(
            name=replica.title,
            group="roles",
            command=(sys.executable, "-m", replica.role.package, replica.role.name),
            environment=self.environment(replica.role.service) | own,
            directory=self.layout.root,
            stop_signal=signal.SIGTERM,
            stop_seconds=_ROLE_STOP_SECONDS,
            health_url=f"http://{LOOPBACK}:{replica.port}/readyz",
        )


def inherited_environment(plan: Plan) -> dict[str, str]:
    """Return what every process inherits: ours, without what only one of them may know, and with the mark."""
    private = {f"DATAPLATFORM_{service.upper()}_DATABASE_URL" for service in SERVICES} | {"DATAPLATFORM_ADMIN_PASSWORD"}
    kept = {name: value for name, value in os.environ.items() if name not in private}
    return {**kept, MARK: str(plan.layout.root), "PYTHONUNBUFFERED": "1"}
