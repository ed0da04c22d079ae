"""The AsyncAPI document, by the AsyncAPI project's own parser, and against what really goes over the wire."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from dataplatform.events.documents import Places, examples
from dataplatform.events.registry import EVENT_TYPES, TOPICS, event_class
from dataplatform.log.envelope import Context, enclose, to_kafka
from dataplatform_stack.node import NODE, ensure_installed

PLACES = Places.of_this_checkout()
TOOL = PLACES.root / "tools" / "asyncapi"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="session")
def parser() -> Path:
    """Install the parser as locked, unless that was done, and give the script that calls it."""
    ensure_installed(TOOL)
    return TOOL / "validate.js"


def validate(parser: Path, document: Path) -> subprocess.CompletedProcess[str]:
    command = [NODE, parser, document]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def document() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PLACES.docs / "asyncapi.json").read_text("utf-8"))
    return content


def test_the_document_is_valid_without_a_warning(parser: Path) -> None:
    result = validate(parser, PLACES.docs / "asyncapi.json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(TOPICS)} channels" in result.stdout
    assert f"{len(EVENT_TYPES)} messages, 0 faults" in result.stdout


def test_the_validator_finds_a_fault(parser: Path, document: dict[str, Any], tmp_path: Path) -> None:
    message = document["components"]["messages"]["upload.received.v1"]
    message["payload"] = {"$ref": "#/components/schemas/NoSuchThing"}
    (tmp_path / "broken.json").write_text(json.dumps(document))
    result = validate(parser, tmp_path / "broken.json")
    assert result.returncode == 1
    assert "NoSuchThing" in result.stdout + result.stderr


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_a_real_record_is_what_the_document_says(name: str, document: dict[str, Any]) -> None:
    context = Context(UUID(int=1), UUID(int=2), TRACE)
    described = document["components"]["messages"][name]
    for body in examples(PLACES)[name]:
        event = event_class(name).from_data(body)
        (envelope,) = enclose([event], 0, service="test-svc", now=datetime(2026, 3, 1, tzinfo=UTC), context=context)
        _, value, headers = to_kafka(envelope)
        told = {header: text.decode() for header, text in headers}
        checker = Draft202012Validator.FORMAT_CHECKER
        Draft202012Validator(described["headers"], format_checker=checker).validate(told)
        assert set(told) == set(described["headers"]["properties"])
        schema = {"$ref": described["payload"]["$ref"], "components": document["components"]}
        Draft202012Validator(schema, format_checker=checker).validate(json.loads(value))


def test_every_topic_has_its_owner_and_its_readers(document: dict[str, Any]) -> None:
    for topic in TOPICS:
        channel = f"#/channels/{topic.name.replace('.', '_')}"
        operations = [op for op in document["operations"].values() if op["channel"]["$ref"] == channel]
        assert [op["action"] for op in operations] == ["send"] + ["receive"] * len(topic.readers)
        for operation in operations:
            assert len(operation["messages"]) == len(topic.types)
