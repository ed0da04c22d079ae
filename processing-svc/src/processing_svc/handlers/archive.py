"""Archives: every file inside is unpacked, looked at, and read by the handler of its own format.

Members are unpacked into scratch under names of our own, one group at a time, within one allowance for all nesting.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dataplatform_formats.detection import UnacceptableError
from dataplatform_formats.detection.peel import STREAMS as STREAM_NAMES
from dataplatform_formats.detection.signatures import container_of
from processing_svc.archives.members import Container, Member, open_container, reading
from processing_svc.archives.names import Group, groups_of, partition_of, pattern_of, shape_of
from processing_svc.archives.parts import Part, moved, wholes
from processing_svc.archives.session import FINAL, Found, Place, Session, joined, refused
from processing_svc.archives.sources import PARTED, direct, spooled
from processing_svc.handlers.interface import Extracted, FileFacts, HandlerError, Original, Unextracted
from processing_svc.handlers.registry import handler_for
from processing_svc.unpack import CHUNK_BYTES, STREAMS, Allowance, unpack_stream

_SHAPEFILE_MAGIC: Final = b"\x00\x00\x27\x0a"


class ArchiveHandler:
    """Zip and tar archives, and compressed streams in compressed streams."""

    name = "archive"
    version = "1"
    formats = frozenset({"archive"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield the tables of every member, name every member that gives none, and say at last what there was."""
        session = Session(original, Allowance(original.path.stat().st_size, original.budget))
        yield from _Walk(session).container(original.path, Place())
        yield session.facts()


@dataclass(frozen=True, slots=True)
class _Walk:
    """The way through an archive and those inside it."""

    session: Session

    def container(self, path: Path, place: Place) -> Iterator[Extracted]:
        """Yield what an archive gives; raises `HandlerError`."""
        self.session.check(place)
        with path.open("rb") as file:
            stream = container_of(file.read(CHUNK_BYTES))
        if stream in STREAM_NAMES:
            yield from self._stream(path, str(stream), place)
            return
        with open_container(path) as container:
            files = self.session.files(container)
            if not files:
                raise HandlerError("empty_file", "the archive holds no files")
            shapes = _shapes(container, files)
            groups = groups_of(files)
            for number, group in enumerate(groups):
                yield from self._group(container, group, shapes, place)
                if path == self.session.whole.path:
                    self.session.whole.on_read((number + 1) / len(groups))

    def _stream(self, path: Path, stream: str, place: Place) -> Iterator[Extracted]:
        """Yield what a stream gives that holds a stream or an archive."""
        with self.session.folder() as folder:
            target = folder / "stream"
            unpack_stream(path, STREAMS[stream], target, self.session.allowance)
            yield from self._unpacked(target, None, place)

    def _group(self, container: Container, group: Group, shapes: dict[str, str], place: Place) -> Iterator[Extracted]:
        sound = []
        for member in group.members:
            shape = shapes.get(shape_of(member.name))
            if member.refusal is not None:
                yield refused(place.of(member), *member.refusal)
            elif shape is not None:
                yield refused(
                    place.of(member), "unsupported_format", f"this belongs to the shapefile {shape}, not read here"
                )
            else:
                sound.append(member)
        with self.session.folder() as folder:
            if len(sound) > 1 or (sound and group.keys):
                yield from self._parts(container, replace(group, members=tuple(sound)), place, folder)
            elif sound:
                yield from self._alone(container, sound[0], place, folder)

    def _alone(self, container: Container, member: Member, place: Place, folder: Path) -> Iterator[Extracted]:
        target = folder / "member"
        try:
            self.session.unpack(container, member, target)
        except HandlerError as error:
            yield _refused_or_final(place.of(member), error)
            return
        yield from self._unpacked(target, member, place)

    def _unpacked(self, path: Path, member: Member | None, place: Place) -> Iterator[Extracted]:
        """Yield what one unpacked member gives, whatever it is; None: it is all there is, and has no name."""
        label = place.of(member) if member else place.label
        try:
            found = self.session.look(path, member.name if member else None, label, place)
        except (UnacceptableError, HandlerError) as error:
            yield _refused_or_final(label, error)
            return
        yield from self._found(found, place)

    def _found(self, found: Found, place: Place) -> Iterator[Extracted]:
        try:
            if found.detection.format == "archive":
                yield from self.container(found.path, place.inside(found.label))
            else:
                for item in self._handled(found):
                    yield from self._placed(item, found)
        except HandlerError as error:
            yield _refused_or_final(found.label, error)

    def _handled(self, found: Found) -> Iterable[Extracted]:
        handler = handler_for(found.detection.format)
        found.entry.update(handler=handler.name, handler_version=handler.version)
        return handler.extract(found.original(self.session.whole))

    def _placed(self, item: Extracted, found: Found) -> Iterator[Extracted]:
        """Yield what a member's handler gave as what the archive gives."""
        if isinstance(item, FileFacts):
            self.session.note(found, item)
        elif isinstance(item, Unextracted):
            yield item.model_copy(update={"origin": item.origin.model_copy(update={"member": found.label or None})})
        else:
            self.session.count_table()
            name = item.name if item.name == found.title else f"{found.title} {item.name}"
            yield moved(item, found.label or None, name, found.notes)

    def _parts(self, container: Container, group: Group, place: Place, folder: Path) -> Iterator[Extracted]:
        """Yield the one table that several members make, or, where they do not, what each of them gives."""
        parts: list[Part] = []
        for number, member in enumerate(group.members):
            target = folder / str(number) / "member"
            target.parent.mkdir()
            label = place.of(member)
            try:
                self.session.unpack(container, member, target)
                found = self.session.look(target, member.name, label, place)
            except (HandlerError, UnacceptableError) as error:
                yield _refused_or_final(label, error)
                continue
            if found.detection.format in PARTED:
                yield from self._part(found, partition_of(member.name)[1], parts)
            else:
                yield from self._found(found, place)
        name = joined(place.label, group.name) or self.session.whole.name
        pattern = joined(place.label, pattern_of(group))
        for whole in wholes(name, parts, group.keys, sure=group.sure, member=pattern):
            self.session.count_table()
            yield whole.table()
            yield from whole.failed

    def _part(self, found: Found, values: dict[str, str | None], parts: list[Part]) -> Iterator[Extracted]:
        """Append a member to the parts if it is one table; else yield what it gives."""
        handler = handler_for(found.detection.format)
        original = found.original(self.session.whole)
        found.entry.update(handler=handler.name, handler_version=handler.version)
        try:
            if found.detection.format == "parquet":
                parts.append(direct(handler, original, found, values))
                return
            part, rest = spooled(handler, original, found, values)
        except HandlerError as error:
            yield _refused_or_final(found.label, error)
            return
        if part is not None:
            parts.append(part)
        for item in rest:
            yield from self._placed(item, found)


def _refused_or_final(label: str, error: HandlerError | UnacceptableError) -> Unextracted:
    """Name a member that cannot be read; raises the error where it ends the reading of the whole archive."""
    if error.code in FINAL:
        raise error
    return refused(label, error.code, error.detail)


def _shapes(container: Container, files: list[Member]) -> dict[str, str]:
    """Return the shapefiles among the members, by what the files that belong to them have in common."""
    found = {}
    for member in files:
        if member.name.lower().endswith(".shp") and member.refusal is None:
            with reading("the member"):
                if container.open(member).read(len(_SHAPEFILE_MAGIC)) == _SHAPEFILE_MAGIC:
                    found[shape_of(member.name)] = member.name
    return found
