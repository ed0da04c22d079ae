"""Uploads go on while processes die; then nothing is lost, nothing is doubled, and a rebuild differs in 0 rows."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.audit import audit, settle
from harness.platform import Platform

from chaos.storm import Storm, Weather

REPLICAS = {
    "ingest-api": 2, "processing-consumer": 2, "processing-worker": 2, "quality-consumer": 2, "quality-worker": 2,
    "catalog-projector": 2,
}  # fmt: skip


@pytest.fixture
def stormy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    # a closer look takes a second or two of processor time a version, which the storm leaves to nobody
    monkeypatch.setenv("DATAPLATFORM_EXAMINE_CONCURRENCY", "0")
    started = Platform(tmp_path / "platform", REPLICAS)
    yield started
    started.stop()


def weather_the_storm(platform: Platform, weather: Weather) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(2**32)))
    print(f"\nseed {seed} (CHAOS_SEED={seed} repeats the order of kills)")
    began = time.monotonic()
    record = Storm(platform, weather, seed).rage()
    raged = time.monotonic()
    settle(platform, record.acknowledged, 600)
    settled = time.monotonic()
    counts = audit(platform, record.acknowledged)
    print(f"kills {sum(record.kills.values())}: {dict(sorted(record.kills.items()))}")
    print(f"client retries {record.retries}; {counts}")
    print(
        f"storm {raged - began:.0f} s, settled after {settled - raged:.0f} s, audit {time.monotonic() - settled:.0f} s"
    )
    assert sum(record.kills.values()) >= weather.kills
    assert counts["uploads"] == weather.uploads


@pytest.mark.timeout(600)
def test_a_short_storm_loses_nothing_and_doubles_nothing(stormy: Platform) -> None:
    weather_the_storm(stormy, Weather(uploads=100, kills=10))


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
def test_a_long_storm_loses_nothing_and_doubles_nothing(stormy: Platform) -> None:
    uploads, kills = int(os.environ.get("CHAOS_UPLOADS", "5000")), int(os.environ.get("CHAOS_KILLS", "200"))
    weather_the_storm(stormy, Weather(uploads=uploads, kills=kills))
