"""Whether all of a stream is text in one encoding: strict decoding on the fly, and a bounded sample where it fails."""

import codecs
import re
from typing import Any, Final, Self

from dataplatform_formats.detection import utf16

SAMPLE_BYTES: Final = 64 * 1024
PIECE_BYTES: Final = 8 * 1024
_GIVE_UP_AFTER: Final = 1000
"""So many broken sequences, and the stream is plainly not UTF-8: stop paying for finding more."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NON_ASCII: Final = re.compile(rb"[\x80-\xff]")


class TextScan:
    """Feed every byte in order (the head included), then `finish`.

    `encoding` is what the head announces or shows (UTF-8 by default); `errors` counts byte sequences that are not in
    it, `nuls` counts NUL characters, `continuations` how many bytes belong to multi-byte characters
    that were right, `sample` holds lines with bytes beyond ASCII.
    """

    def __init__(self, head: bytes) -> None:
        announced = next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), None)
        self.bom = announced[0] if announced else b""
        self.encoding = announced[1] if announced else utf16.encoding_of(head) or "utf-8"
        self.nuls = 0
        self.size_bytes = 0
        self.errors = 0
        self.continuations = 0
        self.sample = bytearray()
        self._pending = b""
        self._wide = None if self.encoding == "utf-8" else codecs.getincrementaldecoder(self.encoding)("strict")

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes."""
        self.size_bytes += len(chunk)
        if self._wide is not None:
            self._feed_wide(chunk, final=False)
            return
        self.nuls += chunk.count(0)
        if chunk.isascii() and not self._pending:
            return
        self._take_sample(chunk)
        if self.errors < _GIVE_UP_AFTER:
            self._feed_utf8(chunk, final=False)

    def finish(self) -> None:
        """Check that nothing was cut off in the middle of a character."""
        if self._wide is not None:
            self._feed_wide(b"", final=True)
        elif self.errors < _GIVE_UP_AFTER:
            self._feed_utf8(b"", final=True)

    def snapshot(self) -> dict[str, Any]:
        """Return everything that `restore` needs to go on elsewhere: numbers, texts, bytes and None."""
        wide = self._wide.getstate() if self._wide is not None else None
        return {**vars(self), "_wide": list(wide) if wide else None}

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Self:
        """Return the scan that a snapshot was taken of."""
        scan = cls(b"")
        vars(scan).update(snapshot, sample=bytearray(snapshot["sample"]), _wide=None)
        if snapshot["_wide"] is not None:
            scan._wide = codecs.getincrementaldecoder(scan.encoding)("strict")
            pending, state = snapshot["_wide"]
            scan._wide.setstate((pending, state))
        return scan

    def _feed_wide(self, chunk: bytes, *, final: bool) -> None:
        if self.errors or self._wide is None:
            return
        try:
            self.nuls += self._wide.decode(chunk, final).count("\x00")
        except UnicodeDecodeError:
            self.errors = 1

    def _feed_utf8(self, chunk: bytes, *, final: bool) -> None:
        data, offset = self._pending + chunk, 0
        self._pending = b""
        while offset < len(data) and self.errors < _GIVE_UP_AFTER:
            rest = data[offset:] if offset else data
            try:
                text, consumed = codecs.utf_8_decode(rest, "strict", final)
            except UnicodeDecodeError as error:
                self.errors += 1
                self.continuations += error.start - len(rest[: error.start].decode())
                offset += error.end
            else:
                self.continuations += consumed - len(text)
                self._pending = rest[consumed:]
                return

    def _take_sample(self, chunk: bytes) -> None:
        found = _NON_ASCII.search(chunk) if len(self.sample) < SAMPLE_BYTES else None
        if found:
            # Whole lines where there are lines, so that a multi-byte character is not cut.
            start = chunk.rfind(b"\n", 0, found.start()) + 1
            start = max(start, found.start() - PIECE_BYTES)
            piece = chunk[start : start + 2 * PIECE_BYTES]
            end = piece.rfind(b"\n", found.start() - start + 1)
            self.sample += piece[: end + 1] if end > 0 else piece
