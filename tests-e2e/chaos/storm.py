"""The storm: people upload without pause while processes are killed and stopped at random, from one seed."""

import itertools
import random
import signal
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
from harness import files
from harness.person import FINAL_STATES, Person
from harness.platform import Platform, wait_until

SERVERS = ("kafka", "postgres", "s3")
PATIENCE_SECONDS = 300.0
IN_FLIGHT = 10
"""Uploads of one uploader that may be on their way through the pipeline."""


@dataclass(frozen=True)
class Weather:
    """How hard it blows. `server_share` is the share of kills that hit a server and not a role."""

    uploads: int
    kills: int
    uploaders: int = 3
    datasets: int = 7
    server_share: float = 0.15
    stop_share: float = 0.25


@dataclass
class Record:
    """What happened: every upload that was acknowledged, by id, and every kill, by what was hit and how."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    errors: list[str] = field(default_factory=list)


class Storm:
    """One storm over one platform; `rage` returns when it is over and the platform is ready again."""

    def __init__(self, platform: Platform, weather: Weather, seed: int) -> None:
        self._platform = platform
        self._weather = weather
        self._seed = seed
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.record = Record()

    def rage(self) -> Record:
        """Upload everything while killing; then let everything run again."""
        numbers = range(self._weather.uploaders)
        uploaders = [threading.Thread(target=self._guarded, args=(number,), daemon=True) for number in numbers]
        for uploader in uploaders:
            uploader.start()
        self._kill_at_random(random.Random(self._seed), uploaders)
        for uploader in uploaders:
            uploader.join()
        assert not self.record.errors, self.record.errors
        self._platform.wait_ready(180)
        return self.record

    def _guarded(self, number: int) -> None:
        try:
            self._upload(random.Random(self._seed + 1 + number))
        except BaseException as error:  # noqa: BLE001 - reported by the thread that waits
            self.record.errors.append(f"uploader {number}: {type(error).__name__}: {error}")

    def _upload(self, chance: random.Random) -> None:
        person = Person(self._platform.url, "admin", self._platform.password)
        in_flight: deque[str] = deque()
        while (number := next(self._numbers)) < self._weather.uploads:
            content = files.csv_file(files.hospitals(chance.randint(1, 20), seed=number))
            upload_id = self._upload_until_acknowledged(person, content, number)
            with self._lock:
                self.record.acknowledged[upload_id] = f"storm-{number % self._weather.datasets}"
            in_flight.append(upload_id)
            if len(in_flight) > IN_FLIGHT:
                self._wait_until_ended(person, in_flight.popleft())
        person.close()

    def _wait_until_ended(self, person: Person, upload_id: str) -> None:
        """Keep the pipeline no more than a few files behind, so that kills hit every stage of it at work."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if person.state(upload_id).get("state") in FINAL_STATES:
                    return
            time.sleep(0.2)
        raise AssertionError(f"upload {upload_id} has not ended in {PATIENCE_SECONDS} s")

    def _upload_until_acknowledged(self, person: Person, content: bytes, number: int) -> str:
        """Send the same bytes under the same key until an answer says that they are kept."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        dataset, key = f"storm-{number % self._weather.datasets}", f"storm-{self._seed}-{number}"
        answer: httpx.Response | None = None
        while time.monotonic() < deadline:
            try:
                answer = person.upload(content, f"{number}.csv", dataset=dataset, key=key)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                upload_id: str = answer.json()["upload_id"]
                return upload_id
            if answer is not None and answer.status_code == httpx.codes.UNAUTHORIZED:
                with suppress(httpx.HTTPError):
                    person.sign_in()  # the token's hour is over
            elif answer is not None and answer.status_code < 500 and answer.status_code not in {409, 429}:
                raise AssertionError(f"upload {number} was refused: {answer.status_code} {answer.text}")
            with self._lock:
                self.record.retries += 1
            time.sleep(0.1)
        raise AssertionError(f"upload {number} was not kept in {PATIENCE_SECONDS} s; last answer {answer}")

    def _kill_at_random(self, chance: random.Random, uploaders: list[threading.Thread]) -> None:
        """Spread the kills over the uploads, so that both end at about the same time."""
        for number in range(self._weather.kills):
            due = self._weather.uploads * (number + 1) // (self._weather.kills + 1)
            while len(self.record.acknowledged) < due and any(uploader.is_alive() for uploader in uploaders):
                time.sleep(0.02)
            self._strike(chance)
            time.sleep(chance.uniform(0.0, 1.0))

    def _strike(self, chance: random.Random) -> None:
        server = chance.random() < self._weather.server_share
        name = chance.choice(SERVERS if server else self._platform.roles)
        wait_until(lambda: bool(self._platform.pid(name)), f"{name} runs again", 120)
        if not server and chance.random() < self._weather.stop_share:
            self._freeze(name, chance.uniform(0.5, 6.0))
            self.record.kills[f"SIGSTOP {name}"] += 1
        elif server and chance.random() < 0.5:
            self._platform.stop_process(name, "infra")
            time.sleep(chance.uniform(0.0, 3.0))
            self._platform.start_process(name, "infra")
            self.record.kills[f"stop {name}"] += 1
        else:
            self._platform.kill(name)
            self.record.kills[f"SIGKILL {name}"] += 1

    def _freeze(self, name: str, seconds: float) -> None:
        pid = self._platform.pid(name)
        self._platform.signal(name, signal.SIGSTOP, tree=True)
        time.sleep(seconds)
        # the same process, unless it is gone: its successor was never stopped
        if self._platform.pid(name) == pid:
            self._platform.signal(name, signal.SIGCONT, tree=True)
