"""A person who follows an upload: Server-Sent Events read as a browser reads them, by id."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Heard:
    """One event: its id (None for the end) and what it says."""

    id: int | None
    data: dict[str, Any]


def follow(url: str, token: str, upload_id: str, last: int | None = None) -> Iterator[Heard]:
    """Yield the events of an upload until the stream ends; raises `httpx.TransportError` where it breaks."""
    headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": str(last)} if last is not None else {})}
    path = f"{url}/v1/uploads/{upload_id}/events"
    with httpx.Client(timeout=60, trust_env=False) as client, client.stream("GET", path, headers=headers) as answer:
        answer.raise_for_status()
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif "event" in event:
                yield Heard(int(event["id"]) if "id" in event else None, json.loads(event["data"]))
                event = {}
