"""The zip container of a workbook (OOXML, OpenDocument): bombs and passwords refused, members by name, small XML parts.

What a member holds of a sheet is read by the format's own module.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Self
from weakref import WeakSet
from xml.etree import ElementTree as ET
from xml.parsers import expat

from processing_svc.handlers.interface import Budget, HandlerError

PART_BYTES: Final = 64 * 1024 * 1024
"""Largest part that is read as a whole: everything but sheets and shared strings."""
OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_MEMBERS: Final = 100_000
_ENCRYPTED_FLAG: Final = 0x1
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    LookupError,
    ValueError,
    OverflowError,
    struct.error,
    ET.ParseError,
    expat.ExpatError,
)
"""What reading a damaged file raises; never to be caught around code of our own that may be wrong."""


class Container:
    """The members of a workbook, to be read as streams and as small XML trees."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._streams: WeakSet[IO[bytes]] = WeakSet()
        with damage_is_typed():
            self._archive = zipfile.ZipFile(path)
            try:
                self._members = self._checked(path.stat().st_size, budget)
            except BaseException:
                self._archive.close()
                raise

    def _checked(self, packed: int, budget: Budget) -> dict[str, zipfile.ZipInfo]:
        members = self._archive.infolist()
        total = sum(member.file_size for member in members)
        if total > budget.unpacked_bytes or total > max(budget.free_bytes, packed * budget.ratio):
            raise HandlerError("decompression_limit_exceeded", f"{packed} packed bytes claim to unpack to {total}")
        if len(members) > MAX_MEMBERS:
            raise HandlerError("decompression_limit_exceeded", f"the workbook has {len(members)} members")
        if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
            raise HandlerError("encrypted_workbook", "the workbook has a password; save it without one")
        return {_normal(member.filename): member for member in members}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            stream.close()
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return _normal(name) in self._members

    def named(self, ending: str) -> str | None:
        """Return the first member whose name ends so."""
        return next((name for name in self._members if f"/{name}".endswith(ending)), None)

    def open(self, name: str) -> IO[bytes]:
        """Open a member as a stream. Its size was checked; reading may raise any of `DAMAGE`."""
        stream = self._archive.open(self._members[_normal(name)])
        self._streams.add(stream)
        return stream

    def read(self, name: str, most: int = PART_BYTES) -> bytes:
        """Return a small member as a whole."""
        with self.open(name) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise HandlerError("corrupt_file", f"the part {PurePosixPath(name).name} is larger than {most} bytes")
        return data

    def tree(self, name: str) -> ET.Element:
        """Return a small XML member, refusing entities."""
        return parse_xml(self.read(name))


def parse_xml(text: bytes) -> ET.Element:
    """Parse XML of unknown origin: a document type, and so every entity of its own, is refused."""
    # the parser would expand entities; so the declaration is looked for before
    if b"<!DOCTYPE" in text or "<!DOCTYPE".encode("utf-16-le") in text or "<!DOCTYPE".encode("utf-16-be") in text:
        raise HandlerError("corrupt_file", "the workbook declares XML entities, which no workbook needs")
    try:
        return ET.fromstring(text)  # noqa: S314 - as said
    except (LookupError, ValueError) as error:
        raise HandlerError("corrupt_file", "a part of the workbook names an encoding that there is not") from error


def local(tag: str) -> str:
    """Return an element's or attribute's name without its namespace."""
    return tag.rpartition("}")[2]


def elements(root: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Yield the elements of a name in any namespace: strict and transitional OOXML differ in nothing else here."""
    return (item for item in root.iter() if local(item.tag) == tag)


def attribute(item: ET.Element, name: str) -> str | None:
    """Return an attribute by its local name, whatever its namespace."""
    found = item.get(name)
    return found if found is not None else next((value for key, value in item.items() if local(key) == name), None)


@contextmanager
def damage_is_typed(code: str = "corrupt_file", what: str = "the workbook") -> Iterator[None]:
    """Turn what reading a damaged file raises into a `HandlerError`."""
    try:
        yield
    except HandlerError:
        raise
    except DAMAGE as error:
        raise HandlerError(code, f"{what} is damaged: {sentence(error)}") from error


def sentence(error: BaseException) -> str:
    """Return an error's first line, short."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def relations(container: Container, part: str) -> dict[str, str]:
    """Return the targets of a part's relations by id, as names of members."""
    folder = PurePosixPath(part).parent
    name = f"{folder}/_rels/{PurePosixPath(part).name}.rels"
    if name not in container:
        return {}
    return {
        item.get("Id", ""): resolve(folder, item.get("Target", ""))
        for item in elements(container.tree(name), "Relationship")
        if item.get("TargetMode") != "External"
    }


def resolve(folder: PurePosixPath, target: str) -> str:
    """Return the member that a relation's target names; targets are relative to the part's folder, or absolute."""
    if target.startswith("/"):
        return _normal(target)
    steps: list[str] = list(folder.parts)
    for step in PurePosixPath(target).parts:
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return _normal("/".join(steps))


def _normal(name: str) -> str:
    """Return a member's name as others may write it: any case, backslashes, a slash in front."""
    return name.replace("\\", "/").lstrip("/").removeprefix("./").lower()
