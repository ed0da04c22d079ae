"""The shared strings of an OOXML workbook as one Arrow array: rich text joined, phonetic runs left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from processing_svc.grid.arrow import ArrowArray, arrow
from processing_svc.grid.cells import NO_TEXTS, Ints, strings
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.package import Container
from processing_svc.workbook.sheetxml import UnusualError, texts_of, trimmed
from processing_svc.workbook.xmltext import decode_escapes

CHUNK_BYTES: Final = 1 << 20
IN_MEMORY_BYTES: Final = 96 << 20
"""Strings beyond this are kept in a file, mapped into memory."""
WHITE: Final = " \t\r\n"
_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"


def read_shared_strings(container: Container, part: str | None, scratch: Path) -> ArrowArray:
    """Return the strings by their index; empty where the workbook has none."""
    if part is None:
        return NO_TEXTS
    try:
        return _kept(_quick(container, part), scratch)
    except UnusualError:
        return _kept(_careful(container, part), scratch)


def _kept(chunks: Iterator[ArrowArray], scratch: Path) -> ArrowArray:
    held: list[ArrowArray] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += chunk.nbytes
        if size > IN_MEMORY_BYTES:
            return _spilled(held, chunks, scratch / "shared-strings.arrow")
    return arrow.concat_arrays(held) if held else NO_TEXTS


def _spilled(held: list[ArrowArray], chunks: Iterator[ArrowArray], path: Path) -> ArrowArray:
    schema = pa.schema([pa.field("text", pa.string())])
    with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_file(sink, schema) as writer:
        while held:
            writer.write_batch(arrow.record_batch([held.pop(0)], schema=schema))
        for chunk in chunks:
            writer.write_batch(arrow.record_batch([chunk], schema=schema))
    with arrow.memory_map(str(path)) as source:
        column: ArrowArray = arrow.ipc.open_file(source).read_all().column(0)
        return column


def _quick(container: Container, part: str) -> Iterator[ArrowArray]:
    """Cut plain strings out of the XML whole chunks at a time; strings of several runs are parsed one by one."""
    with container.open(part) as stream:
        rest = stream.read(CHUNK_BYTES)
        begin = rest.find(b"<si>")
        if rest.startswith((b"\xff\xfe", b"\xfe\xff")) or b"<!DOCTYPE" in rest[: max(begin, 0) or len(rest)]:
            raise UnusualError("not UTF-8, or a document type")
        if begin < 0:
            raise UnusualError("no plain strings at the beginning")
        rest = rest[begin:]
        while True:
            fresh = stream.read(CHUNK_BYTES)
            rest += fresh
            cut = rest.rfind(b"<si>") if fresh else rest.rfind(b"</si>") + len(b"</si>")
            if cut > 0:
                yield _strings(rest[:cut])
                rest = rest[cut:]
            if not fresh:
                if b"<si" in rest:
                    raise UnusualError("a string is cut off")
                return


def _strings(body: bytes) -> ArrowArray:
    data = np.frombuffer(body + b"\0" * 32, np.uint8)
    tags = np.flatnonzero(data == ord("<")).astype(np.int32)
    one, two = data[tags + 1], data[tags + 2]
    is_item = (one == ord("s")) & (two == ord("i"))
    items = np.flatnonzero(is_item)
    if bool(np.any((one == ord("!")) | (one == ord("?")))) or not np.all(data[tags[items] + 3] == ord(">")):
        raise UnusualError("comments, CDATA, or strings with attributes")
    inner = np.minimum(items + 1, len(tags) - 1)
    third = np.minimum(items + 3, len(tags) - 1)
    plain = (one[inner] == ord("t")) & (one[third] == ord("/")) & (two[third] == ord("s"))
    place = tags[inner]
    bare = data[place + 2] == ord(">")
    preserved = ~bare & (data[np.minimum(place + 23, len(data) - 1)] == ord(">"))
    plain &= bare | preserved
    begins = np.where(bare, place + 3, place + 24)
    ends = tags[np.minimum(items + 2, len(tags) - 1)]
    plain &= begins <= ends
    begins, ends = trimmed(data, begins, ends, plain & bare)
    chosen = np.flatnonzero(plain)
    cut = _cut_out(body, begins[chosen], ends[chosen])
    if len(chosen) == len(items):
        return cut
    bounds = [*tags[items].tolist(), len(body)]
    others = strings([_parsed(body[bounds[index] : bounds[index + 1]]) for index in np.flatnonzero(~plain).tolist()])
    order = np.empty(len(items), np.int64)
    order[plain] = np.arange(len(chosen))
    order[~plain] = len(chosen) + np.arange(len(others))
    return arrow.concat_arrays([cut, others]).take(arrow.array(order))


def _cut_out(body: bytes, begins: Ints, ends: Ints) -> ArrowArray:
    """Cut texts out of XML: an array over all of it in which every second element is a text."""
    if not len(begins):
        return NO_TEXTS
    offsets = np.empty(2 * len(begins), np.int32)
    offsets[0::2], offsets[1::2] = begins, ends
    if bool(np.any(np.diff(offsets) < 0)):
        raise UnusualError("strings out of order")
    buffers = [None, arrow.py_buffer(offsets), arrow.py_buffer(body)]
    values = arrow.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers).take(
        arrow.array(np.arange(0, len(offsets), 2, dtype=np.int32))
    )
    return texts_of(values, b"&" in body or b"_x" in body or b"\r" in body)


def _parsed(item: bytes) -> str:
    end = item.rfind(b"</si>")
    try:
        root = ET.fromstring(item[: end + 5] if end >= 0 else item)  # noqa: S314 - no document type inside an element
    except ET.ParseError as error:
        raise UnusualError("a string is not plain XML") from error
    return decode_escapes("".join(_runs(root)))


def _runs(item: ET.Element) -> Iterator[str]:
    for child in item:
        if child.tag == "t":
            text = child.text or ""
            yield text if child.get(_SPACE) == "preserve" else text.strip(WHITE)
        elif child.tag == "r":
            yield from (part.text or "" for part in child if part.tag == "t")


class _Strings:
    """Reads shared strings by the letter of XML, in any namespace and encoding."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.CharacterDataHandler = self._text
        self.found: list[str] = []
        self._parts: list[str] = []
        self._phonetic = 0
        self._in_text = False
        self._alone = False

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            self._parts = []
            self._alone = True
        elif name == "rPh":
            self._phonetic += 1
        elif name == "r" or attributes.get("xml:space") == "preserve":
            self._alone = False
        self._in_text = name == "t" and not self._phonetic

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            text = "".join(self._parts)
            self.found.append(decode_escapes(text.strip(WHITE) if self._alone else text))
        elif name == "rPh":
            self._phonetic -= 1
        self._in_text = False

    def _text(self, text: str) -> None:
        if self._in_text:
            self._parts.append(text)


def _refuse(*_declaration: object) -> None:
    raise HandlerError("corrupt_file", "the workbook declares XML entities, which no workbook needs")


def _careful(container: Container, part: str) -> Iterator[ArrowArray]:
    reader = _Strings()
    with container.open(part) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            reader.parser.Parse(chunk, False)  # noqa: FBT003 - expat takes no names
            if reader.found:
                yield strings(reader.found)
                reader.found = []
        reader.parser.Parse(b"", True)  # noqa: FBT003 - expat takes no names
    if reader.found:
        yield strings(reader.found)
