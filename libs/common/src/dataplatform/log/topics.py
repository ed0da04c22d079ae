"""Topics as declared against topics as they are: `diff` tells, `apply` creates and corrects. Nothing is deleted."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from dataplatform.events.registry import BROKER_TOPICS, Topic


@dataclass(frozen=True)
class Difference:
    """What must change: the topic is missing, has too few partitions, or its settings differ."""

    topic: Topic
    missing: bool = False
    partitions: int | None = None
    settings: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        if self.missing:
            return f"{self.topic.name}: missing"
        changes = [f"{name} is {found}, declared {wanted}" for name, found, wanted in self.settings]
        if self.partitions is not None:
            changes.insert(0, f"{self.partitions} partitions, declared {self.topic.partitions}")
        return f"{self.topic.name}: " + "; ".join(changes)


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def diff(bootstrap_servers: str, topics: Sequence[Topic] = BROKER_TOPICS) -> list[Difference]:
    """Return what differs from the declaration; empty when nothing does."""
    async with _admin(bootstrap_servers) as admin:
        return await _differences(admin, topics)


async def apply(
    bootstrap_servers: str, topics: Sequence[Topic] = BROKER_TOPICS, *, replication_factor: int = -1
) -> list[Difference]:
    """Make the topics as declared; return what was changed. A replication factor of -1 is the broker's default."""
    async with _admin(bootstrap_servers) as admin:
        found = await _differences(admin, topics)
        missing = [difference.topic for difference in found if difference.missing]
        if missing:
            await _create(admin, missing, replication_factor)
        for difference in found:
            if difference.partitions is not None:
                await admin.create_partitions({difference.topic.name: NewPartitions(difference.topic.partitions)})
            if difference.settings:
                wanted = dict(difference.topic.config)
                await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, difference.topic.name, wanted)])
        return found


async def _create(admin: Any, topics: Sequence[Topic], replication_factor: int) -> None:
    # the client takes "the broker's default" only beside an (empty) assignment
    assignments: dict[int, list[int]] | None = {} if replication_factor == -1 else None
    new = [
        NewTopic(topic.name, topic.partitions, replication_factor, assignments, topic_configs=dict(topic.config))
        for topic in topics
    ]
    response = await admin.create_topics(new)
    for name, code, *_ in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(f"topic {name} could not be created")


async def _differences(admin: Any, topics: Sequence[Topic]) -> list[Difference]:
    existing = set(await admin.list_topics())
    known = [topic for topic in topics if topic.name in existing]
    described = (
        {found["topic"]: found for found in await admin.describe_topics([topic.name for topic in known])}
        if known
        else {}
    )
    found = [Difference(topic, missing=True) for topic in topics if topic.name not in existing]
    for topic in known:
        partitions = len(described[topic.name]["partitions"])
        settings = await _settings(admin, topic)
        if partitions < topic.partitions or settings:
            found.append(
                Difference(topic, partitions=partitions if partitions < topic.partitions else None, settings=settings)
            )
    return found


async def _settings(admin: Any, topic: Topic) -> tuple[tuple[str, str, str], ...]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
    (response,) = await admin.describe_configs([resource])
    current = {entry[0]: entry[1] for _, _, _, _, entries in response.resources for entry in entries}
    return tuple((name, str(current.get(name)), value) for name, value in topic.config if current.get(name) != value)
