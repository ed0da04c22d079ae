"""Everything that is generated from the event types and committed: written by `write`, compared by `check`.

It works in a checkout of the repository, not in an installed package: the documents lie beside the code.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplatform.events.asyncapi import asyncapi_document
from dataplatform.events.catalogue import catalogue_text
from dataplatform.events.evolution import breaking_changes, schema_of
from dataplatform.events.registry import EVENT_TYPES


class BreakingChangeError(Exception):
    """An event type changed in a way that old events or old readers do not survive."""

    code = "breaking_change"


@dataclass(frozen=True)
class Places:
    """Where the documents lie below `root`, the top of the repository."""

    root: Path

    @classmethod
    def of_this_checkout(cls) -> "Places":
        """Return the places of the checkout that this module is imported from."""
        return cls(Path(__file__).resolve().parents[5])

    @property
    def schemas(self) -> Path:
        """One JSON Schema for each type, shipped in the package."""
        return self.root / "libs/common/src/dataplatform/events/schemas"

    @property
    def golden(self) -> Path:
        """Past examples, `<type>/<n>.json`: each must load for ever."""
        return self.root / "libs/common/tests/events/golden"

    @property
    def released(self) -> Path:
        """Every schema that a type ever had, `<type>/<n>.json`; only ever added to."""
        return self.root / "libs/common/tests/events/released"

    @property
    def docs(self) -> Path:
        """The documentation."""
        return self.root / "docs"


def examples(places: Places) -> dict[str, list[dict[str, Any]]]:
    """Return the golden examples by type, in their order."""
    return {name: [_load(path) for path in numbered(places.golden / name)] for name in EVENT_TYPES}


def numbered(folder: Path) -> list[Path]:
    """Return `1.json`, `2.json`, ... of a folder in the order of their numbers; empty where there is none."""
    return sorted(folder.glob("[0-9]*.json"), key=lambda path: int(path.stem))


def generated(places: Places) -> Iterator[tuple[Path, str]]:
    """Yield every document as it should be: its file and its text."""
    for name, event in EVENT_TYPES.items():
        yield places.schemas / f"{name}.json", _dump(schema_of(event))
    known = examples(places)
    yield places.docs / "asyncapi.json", _dump(asyncapi_document(known))
    yield places.docs / "events.md", catalogue_text(known)


def stale(places: Places) -> list[Path]:
    """Return the documents that are not what the event types say, and schemas of types that are no more."""
    expected = dict(generated(places))
    changed = [path for path, text in expected.items() if not path.is_file() or path.read_text("utf-8") != text]
    unreleased = [places.released / name for name, event in EVENT_TYPES.items() if _is_news(places, name, event)]
    return [*changed, *unreleased, *(path for path in places.schemas.glob("*.json") if path not in expected)]


def breaks(places: Places) -> dict[str, list[str]]:
    """Return by type what its present schema breaks of any schema it ever had; a type that is gone breaks all."""
    found: dict[str, list[str]] = {}
    for folder in sorted(places.released.iterdir()) if places.released.is_dir() else ():
        event = EVENT_TYPES.get(folder.name)
        if event is None:
            found[folder.name] = ["the type was removed, but the log holds it for ever"]
            continue
        changes = (change for path in numbered(folder) for change in breaking_changes(_load(path), schema_of(event)))
        if distinct := list(dict.fromkeys(changes)):
            found[folder.name] = distinct
    return found


def write(places: Places) -> list[Path]:
    """Write what is stale and return it; raises `BreakingChangeError` and writes nothing if a change breaks."""
    if found := breaks(places):
        lines = [f"{name}: {change}" for name, changes in found.items() for change in changes]
        raise BreakingChangeError("make a new type (.v2) instead:\n" + "\n".join(lines))
    outdated = stale(places)
    for path, text in generated(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in places.schemas.glob("*.json"):
        if path.stem not in EVENT_TYPES:
            path.unlink()
    for name, event in EVENT_TYPES.items():
        if _is_news(places, name, event):
            _release(places.released / name, _dump(schema_of(event)))
    return outdated


def _is_news(places: Places, name: str, event: Any) -> bool:
    """Whether the type's schema differs from the last one released."""
    past = numbered(places.released / name)
    return not past or past[-1].read_text("utf-8") != _dump(schema_of(event))


def _release(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(path.stem) for path in numbered(folder)), default=0) + 1
    (folder / f"{number}.json").write_text(text, encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
