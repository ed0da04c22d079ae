"""One pass over an archive and all that is nested in it: what it may take, what it has taken, what it has seen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from dataplatform_formats.detection import Detection, Observation, detect
from processing_svc.archives.members import MAX_NAME_CHARACTERS, Container, Member, reading
from processing_svc.archives.names import is_clutter, stem_of
from processing_svc.handlers.interface import FileFacts, HandlerError, Notes, Origin, Original, Unextracted, untold
from processing_svc.unpack import CHUNK_BYTES, STREAMS, Allowance, copy, unpack_stream

LISTED_MEMBERS: Final = 1_000
FINAL: Final = frozenset(
    {"decompression_limit_exceeded", "too_many_members", "nesting_limit_exceeded", "too_many_tables"}
)
"""Limits of the archive as a whole: beyond one of these nothing more is read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the nesting one is: `label` is what the archive around is called, `depth` counts it and those above."""

    label: str = ""
    depth: int = 1

    def of(self, member: Member) -> str:
        """Return what a member is called: its path in the archive, in those around it too."""
        return joined(self.label, member.name)

    def inside(self, label: str) -> "Place":
        """Return the place in an archive of this one."""
        return Place(label, self.depth + 1)


@dataclass(frozen=True, slots=True)
class Found:
    """A member's plain bytes in scratch, and what they are. `entry` is its line in the list of members."""

    label: str
    title: str
    path: Path
    detection: Detection
    notes: Notes
    entry: dict[str, Any]

    def original(self, whole: Original) -> Original:
        """Return the member as an original of its own, with its folder for scratch."""
        known = {"format": self.detection.format, "encoding": self.detection.encoding, "compression": None}
        return replace(
            whole,
            path=self.path,
            scratch=self.path.parent,
            name=self.title,
            on_read=untold,
            **known,  # type: ignore[arg-type]
        )


@dataclass(slots=True)
class Session:
    """What is kept while an archive is read."""

    whole: Original
    allowance: Allowance
    members: int = 0
    clutter: int = 0
    tables: int = 0
    _folders: int = 0
    _listed: list[dict[str, Any]] = field(default_factory=list)
    _only: FileFacts = field(default_factory=FileFacts)
    _labels: set[str] = field(default_factory=set)

    def facts(self) -> FileFacts:
        """Return what is known about the archive as a whole; the encoding and dialect are those of an only member."""
        metadata: dict[str, Any] = {"member_count": self.members, "members": self._listed}
        if self.clutter:
            metadata["ignored_count"] = self.clutter
        return replace(self._only if self.members == 1 else FileFacts(), metadata=metadata)

    def note(self, found: Found, facts: FileFacts) -> None:
        """Keep what a handler learned about a member."""
        self._only = facts
        known: Mapping[str, Any] = {"encoding": facts.encoding, "dialect": dict(facts.dialect), **facts.metadata}
        found.entry.update({key: value for key, value in known.items() if value})

    def files(self, container: Container) -> list[Member]:
        """Return the members that a person would call files; raises `HandlerError` where they are too many."""
        files = []
        for member in container.members():
            if member.is_folder:
                continue
            if is_clutter(member.name):
                self.clutter += 1
                continue
            files.append(member)
            self.members += 1
            if self.members > self.whole.budget.members:
                most = self.whole.budget.members
                raise HandlerError("too_many_members", f"the archive holds more than {most} files")
        return files

    def count_table(self) -> None:
        """Count one more table; raises `HandlerError`."""
        self.tables += 1
        if self.tables > self.whole.budget.tables:
            raise HandlerError("too_many_tables", f"the archive has more than {self.whole.budget.tables} tables")

    def check(self, place: Place) -> None:
        """Raise `HandlerError` where too many wrappers are around each other."""
        most = self.whole.budget.nesting
        if place.depth > most:
            raise HandlerError("nesting_limit_exceeded", f"more than {most} archives are nested in each other")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder of its own in scratch, empty before and gone afterwards."""
        self._folders += 1
        folder = self.whole.scratch / f"members-{self._folders}"
        folder.mkdir()
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)

    def unpack(self, container: Container, member: Member, target: Path) -> None:
        """Write a member's bytes to `target`; raises `HandlerError`."""
        with reading("the member"), target.open("wb") as sink:
            copy(container.open(member), sink, self.allowance if member.counted else None)

    def look(self, path: Path, name: str | None, label: str, place: Place) -> Found:
        """Find out what a member is; one that is a compressed stream is unpacked once more.

        Raises `UnacceptableError` and `HandlerError`.
        """
        detection = _detected(path, name.rpartition("/")[2] if name else None)
        notes = Notes()
        if detection.name_mismatch:
            notes.add("name_mismatch", detection.name_mismatch)
        if label in self._labels:
            notes.add("duplicate_member", "the archive has another file of the same name")
        self._labels.add(label)
        if detection.format != "archive" and detection.compression is not None:
            self.check(place.inside(label))
            plain = path.with_name(f"{path.name}.plain")
            unpack_stream(path, STREAMS[detection.compression], plain, self.allowance)
            detection, path = _detected(plain, None), plain
        entry: dict[str, Any] = {"member": label, "format": detection.format}
        if len(self._listed) < LISTED_MEMBERS:
            self._listed.append(entry)
        return Found(label, stem_of(name or self.whole.name), path, detection, notes, entry)


def joined(*parts: str) -> str:
    """Return parts of a path as one that may be shown; in the middle of a very long one something is left out."""
    text = "/".join(part for part in parts if part)
    half = MAX_NAME_CHARACTERS // 2
    return text if len(text) <= MAX_NAME_CHARACTERS + 1 else f"{text[:half]}…{text[-half:]}"


def refused(label: str, code: str, detail: str) -> Unextracted:
    """Name a member that gives no table, and why."""
    origin = Origin(kind="member", name=label or None, member=label or None)
    return Unextracted(origin=origin, reason_code=code, detail=detail[:2000])


def _detected(path: Path, name: str | None) -> Detection:
    observation = Observation()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            observation.feed(chunk)
        observation.finish()
        return detect(observation, file, name)
