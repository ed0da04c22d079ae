"""The one file of a `multipart/form-data` body (RFC 7578), streamed: nothing is spooled to a disk or held whole."""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ingest_svc.problems import problem
from ingest_svc.uploads.body import ByteSource

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELD_BYTES: Final = 64 * 1024
"""What the fields beside the file may have in all; they are read over."""


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary if the header says that the body is a form, else None; raises the problem `invalid_form`."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046
        raise problem("invalid_form", "the Content-Type names no boundary of 1 to 70 characters")
    return boundary


class FormFile:
    """A form's file. `open` reads up to its first byte, then `disposition` is known and `chunks` yields it."""

    def __init__(self, body: ByteSource, boundary: bytes) -> None:
        self._body = body.chunks()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)
        self._name, self._value, self._headers = b"", b"", dict[bytes, bytes]()
        self._data: deque[bytes] = deque()
        self._files, self._field_bytes = 0, 0
        self._inside = self._ended = False
        self.disposition = ""

    async def open(self) -> None:
        """Read as far as the file's headers; raises the problem `invalid_form`, and what the body raises."""
        while not self._files:
            await self._read()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes, then see that nothing but fields follows; raises as `open` does."""
        async with aclosing(self._body):
            while True:
                while self._data:
                    yield self._data.popleft()
                if self._ended:
                    break
                await self._read()
            async for _ in self._body:  # an epilogue: RFC 2046 says to ignore it
                continue

    async def _read(self) -> None:
        chunk = await anext(self._body, None)
        if chunk is None:
            what = "the form ends before its last boundary" if self._files else "the form has no file"
            raise problem("invalid_form", what)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise problem("invalid_form", str(error)) from error
        if self._ended and not self._files:
            raise problem("invalid_form", "the form has no part with a file name")

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        self._inside = b"filename" in options or b"filename*" in disposition.lower()
        self._files += self._inside
        if self._files > 1:
            raise problem("invalid_form", "one form brings one file; send the others in forms of their own")
        if self._inside:
            self.disposition = disposition.decode("iso-8859-1")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._data.append(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELD_BYTES:
            raise problem("invalid_form", f"the fields beside the file are larger than {MAX_FIELD_BYTES} bytes")

    def _on_part_end(self) -> None:
        self._inside = False

    def _on_end(self) -> None:
        self._ended = True
