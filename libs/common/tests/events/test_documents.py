"""What is committed is what the event types say, and nothing that was released is broken."""

import json
import shutil
from pathlib import Path

import pytest

from dataplatform.events.__main__ import main
from dataplatform.events.base import Event
from dataplatform.events.documents import BreakingChangeError, Places, breaks, stale, write
from dataplatform.events.ingest import UploadWithdrawn
from dataplatform.events.registry import EVENT_TYPES, TOPICS

PLACES = Places.of_this_checkout()


@pytest.fixture
def copy(tmp_path: Path) -> Places:
    """Give the documents in another place, to be spoiled."""
    places = Places(tmp_path)
    for name in ("schemas", "golden", "released"):
        shutil.copytree(getattr(PLACES, name), getattr(places, name))
    places.docs.mkdir()
    for path in (PLACES.docs / "asyncapi.json", PLACES.docs / "events.md"):
        shutil.copy(path, places.docs)
    return places


def test_the_committed_documents_are_the_generated_ones() -> None:
    assert stale(PLACES) == []
    assert main(["check"]) == 0


def test_no_type_breaks_what_it_ever_promised() -> None:
    assert breaks(PLACES) == {}


def test_every_type_is_on_a_topic_and_in_the_catalogue() -> None:
    text = (PLACES.docs / "events.md").read_text("utf-8")
    assert {event.type for topic in TOPICS for event in topic.types} == set(EVENT_TYPES)
    for name, event in EVENT_TYPES.items():
        assert f"### {name}\n" in text
        for field in event.model_fields:
            assert f"| `{field}` |" in text


def test_a_document_edited_by_hand_is_noticed_and_written_again(copy: Places) -> None:
    edited = copy.docs / "events.md"
    edited.write_text("by hand")
    orphan = copy.schemas / "thing.happened.v1.json"
    orphan.write_text("{}")
    assert stale(copy) == [edited, orphan]
    write(copy)
    assert stale(copy) == []
    assert not orphan.exists()


class Narrowed(UploadWithdrawn):
    """The owner took the upload back, and had to say more."""

    type = UploadWithdrawn.type
    why: str


class Widened(UploadWithdrawn):
    """The owner took the upload back, and could say more."""

    type = UploadWithdrawn.type
    why: str | None = None


def test_a_breaking_change_is_refused_and_nothing_is_written(copy: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_type(monkeypatch, Narrowed)
    before = (copy.schemas / f"{Narrowed.type}.json").read_text("utf-8")
    with pytest.raises(BreakingChangeError, match="/why was added as required"):
        write(copy)
    assert (copy.schemas / f"{Narrowed.type}.json").read_text("utf-8") == before


def test_an_additive_change_becomes_the_next_release(copy: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_type(monkeypatch, Widened)
    assert copy.released / Widened.type in stale(copy)
    write(copy)
    released = json.loads((copy.released / Widened.type / "2.json").read_text("utf-8"))
    assert "why" in released["properties"]
    monkeypatch.undo()
    assert "/why was removed" in breaks(copy)[Widened.type]


def test_a_type_that_was_released_cannot_go(copy: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(EVENT_TYPES, UploadWithdrawn.type)
    assert UploadWithdrawn.type in breaks(copy)


def replace_type(monkeypatch: pytest.MonkeyPatch, event: type[Event]) -> None:
    monkeypatch.setitem(EVENT_TYPES, event.type, event)
