from dataclasses import replace
from uuid import uuid4

from dataplatform.events.registry import TOPICS
from dataplatform.log import topics
from dataplatform_stack.services import Kafka


async def test_apply_makes_what_diff_shows_and_then_nothing_differs(kafka_server: Kafka) -> None:
    kafka_server.start()
    servers = kafka_server.bootstrap_servers
    declared = replace(TOPICS[0], name=f"declared-{uuid4()}", partitions=2)
    assert [str(found) for found in await topics.diff(servers, [declared])] == [f"{declared.name}: missing"]
    await topics.apply(servers, [declared])
    assert await topics.diff(servers, [declared]) == []


async def test_partitions_and_settings_that_differ_are_shown_and_corrected(kafka_server: Kafka) -> None:
    kafka_server.start()
    servers = kafka_server.bootstrap_servers
    old = replace(TOPICS[0], name=f"declared-{uuid4()}", partitions=1, config=(("retention.ms", "1000"),))
    await topics.apply(servers, [old])
    new = replace(TOPICS[0], name=old.name, partitions=3)
    (difference,) = await topics.diff(servers, [new])
    assert "1 partitions, declared 3" in str(difference)
    assert "retention.ms is 1000, declared -1" in str(difference)
    await topics.apply(servers, [new])
    assert await topics.diff(servers, [new]) == []
