"""One Kafka node that is broker and controller at once, sized for one machine. Topics are declared elsewhere."""

import os
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from dataplatform_stack.builds import default_build_dir
from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import LOOPBACK, Port
from dataplatform_stack.services.kafka.jars import ensure_jars
from dataplatform_stack.services.kafka.java import find_java
from dataplatform_stack.services.server import Server

MESSAGE_MAX_BYTES = 8 * 1024 * 1024
# Any valid id does: the cluster has one node, and its data folder is its own.
CLUSTER_ID = "ZGF0YXBsYXRmb3JtLTAwMQ"
_API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)

_LOGGING = """\
<Configuration status="warn">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{ISO8601} %-5p %m (%c)%n"/></Console>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
message.max.bytes={message_max_bytes}
replica.fetch.max.bytes={message_max_bytes}
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# After a crash a node may register again only when its old session is over: by default 9 s, which is all of a restart.
# Much shorter, and a starved machine loses the session of a node that lives: its partitions change their leader while
# the group coordinator loads, and Kafka 4.3 then may serve no group until it is started again.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
"""


class Kafka(Server):
    """Kafka on `bootstrap_servers`; the data folder keeps its log, its configuration and nothing shared."""

    name: ClassVar[str] = "kafka"
    title: ClassVar[str] = "Kafka"

    def __init__(self, data_dir: Path, *, port: int, controller_port: int, build_dir: Path | None = None) -> None:
        super().__init__(data_dir)
        self.port = port
        self.controller_port = controller_port
        self.build_dir = build_dir or default_build_dir()

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to, `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    def ports(self) -> Sequence[Port]:
        """Return the client port and the controller port."""
        return (
            Port(self.port, "Kafka", "DATAPLATFORM_KAFKA_PORT"),
            Port(self.controller_port, "Kafka controller", "DATAPLATFORM_KAFKA_CONTROLLER_PORT"),
        )

    def prepare(self) -> None:
        """Fetch the jars where needed, write the configuration, format the log folder once."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        ensure_jars(self.build_dir)
        (self.data_dir / "log4j2.xml").write_text(_LOGGING, encoding="utf-8")
        properties = _PROPERTIES.format(
            host=LOOPBACK,
            port=self.port,
            controller_port=self.controller_port,
            log_dir=self._log_dir,
            message_max_bytes=MESSAGE_MAX_BYTES,
        )
        self._properties.write_text(properties, encoding="utf-8")
        if not (self._log_dir / "meta.properties").is_file():
            self._format()

    def command(self) -> Sequence[str]:
        """Return the Java command line."""
        return (*self._java("-Xms64m", "-Xmx384m", "-XX:+ExitOnOutOfMemoryError"), "kafka.Kafka", str(self._properties))

    def environment(self) -> Mapping[str, str]:
        """Return nothing: all of it is on the command line."""
        return {}

    def is_ready(self) -> bool:
        """Whether the broker answers an ApiVersions request; it opens its port only once it is unfenced."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(_API_VERSIONS_REQUEST)
                return len(connection.recv(8)) > 0
        except OSError:
            return False

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"

    @property
    def _log_dir(self) -> Path:
        return self.data_dir / "topics"

    def _java(self, *options: str) -> Sequence[str]:
        jars = ensure_jars(self.build_dir)
        # A compiler for short lives and a collector for small heaps: ready in 2 s, at 300 MB.
        tuning = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
        logging = f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.xml'}"
        return (str(find_java()), *options, *tuning, logging, "-cp", f"{jars}{os.sep}*")

    def _format(self) -> None:
        arguments = ("format", "--standalone", "--cluster-id", CLUSTER_ID, "--config", str(self._properties))
        command = [*self._java(), "kafka.tools.StorageTool", *arguments, "--ignore-formatted"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if result.returncode != 0:
            raise StackError("kafka_not_formatted", f"Kafka could not format {self._log_dir}:\n{result.stderr}")
