"""The roles of every service, as the runner knows them: by name. What a role does is its service's business."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One kind of process: `python -m <package> <name>`."""

    service: str
    name: str

    @property
    def package(self) -> str:
        """The Python package that is started."""
        return f"{self.service}_svc"

    @property
    def title(self) -> str:
        """What people call it: `<service>-<role>`."""
        return f"{self.service}-{self.name}"


@dataclass(frozen=True)
class Replica:
    """One process of a role, with the HTTP port on which it shows its health (and serves, where it does)."""

    role: Role
    number: int
    port: int

    @property
    def title(self) -> str:
        """Its name among all processes, `<service>-<role>-<number>`; it stays the same through restarts."""
        return f"{self.role.title}-{self.number}"


SERVICES = ("ingest", "processing", "quality", "catalog")
INGEST_API = Role("ingest", "api")
CATALOG_WEB = Role("catalog", "web")
CATALOG_DATA = Role("catalog", "data")
ROLES = (
    INGEST_API,
    Role("ingest", "consumer"),
    Role("processing", "consumer"),
    Role("processing", "worker"),
    Role("quality", "consumer"),
    Role("quality", "worker"),
    CATALOG_WEB,
    CATALOG_DATA,
    Role("catalog", "projector"),
    Role("catalog", "worker"),
)


def replicas_of(counts: Mapping[str, int], first_port: int) -> tuple[Replica, ...]:
    """Return every process to run, one of each role unless `counts` says otherwise, on ports from `first_port` on."""
    wanted = [(role, number) for role in ROLES for number in range(1, counts.get(role.title, 1) + 1)]
    return tuple(Replica(role, number, first_port + index) for index, (role, number) in enumerate(wanted))


def ports_of(replicas: Iterable[Replica], role: Role) -> tuple[int, ...]:
    """Return the HTTP ports of one role's replicas."""
    return tuple(replica.port for replica in replicas if replica.role == role)
