"""What is noted about the bytes of a file while they stream by, in memory that does not grow with the file."""

import json
import zlib
from base64 import b64decode, b64encode
from typing import Any, Final, Self

from dataplatform_formats.detection import signatures
from dataplatform_formats.detection.textscan import TextScan

HEAD_BYTES: Final = 64 * 1024


class Observation:
    """Feed every chunk in order, then `finish`; afterwards `head`, `size_bytes` and `text` are complete.

    Scanning as text stops where the first bytes carry the signature of a binary format.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self.text: TextScan | None = None
        self._head = bytearray()
        self._began = False
        self._packed = ((-1, -1), b"")

    @property
    def head(self) -> bytes:
        """The first `HEAD_BYTES`, or the whole file if it is shorter."""
        return bytes(self._head)

    @property
    def is_whole(self) -> bool:
        """Whether `head` is all there is."""
        return self.size_bytes == len(self._head)

    def feed(self, chunk: bytes) -> None:
        """Note the next chunk."""
        self.size_bytes += len(chunk)
        if self._began:
            self._scan(chunk)
            return
        self._head += chunk
        if len(self._head) >= HEAD_BYTES:
            self._begin()

    def finish(self, *, cut: bool = False) -> None:
        """Note that there are no more bytes, or with `cut` that no more are looked at: half a character is no error."""
        if not self._began:
            self._begin()
        if self.text is not None and not cut:
            self.text.finish()

    def snapshot(self) -> bytes:
        """Return what `restore` takes to go on in another process; at most about 150 KB, whatever the file's size.

        Bytes that tell nothing new leave it as it was: those of a binary format, or of ASCII after the head.
        """
        text = self.text.snapshot() if self.text is not None else {}
        # head and sample are by far the largest, and only ever grow: packed again when they did
        grown = {"head": self._head, "sample": text.pop("sample", b"")}
        sizes = (len(grown["head"]), len(grown["sample"]))
        if self._packed[0] != sizes:
            self._packed = sizes, zlib.compress(_dumped(grown), 1)
        packed = self._packed[1]
        moved = _dumped({"began": self._began, "text": text})
        return len(packed).to_bytes(4, "big") + packed + moved

    @classmethod
    def restore(cls, snapshot: bytes, size_bytes: int) -> Self:
        """Return the observation that a snapshot was taken of, after so many bytes."""
        end = 4 + int.from_bytes(snapshot[:4], "big")
        grown = json.loads(zlib.decompress(snapshot[4:end]), object_hook=_as_bytes)
        moved = json.loads(snapshot[end:], object_hook=_as_bytes)
        observation = cls()
        observation.size_bytes, observation._began = size_bytes, moved["began"]
        observation._head = bytearray(grown["head"])
        if moved["text"]:
            observation.text = TextScan.restore({**moved["text"], "sample": grown["sample"]})
        return observation

    def _begin(self) -> None:
        self._began = True
        everything = bytes(self._head)
        del self._head[HEAD_BYTES:]
        if signatures.container_of(self.head) is None:
            self.text = TextScan(everything[:HEAD_BYTES])
            self._scan(everything)

    def _scan(self, chunk: bytes) -> None:
        if self.text is not None:
            self.text.feed(chunk)


def _dumped(values: dict[str, Any]) -> bytes:
    return json.dumps(values, default=_as_text).encode()


def _as_text(value: object) -> dict[str, str]:
    assert isinstance(value, (bytes, bytearray))  # noqa: S101 - all that is noted beside JSON's own types
    return {"base64": b64encode(value).decode()}


def _as_bytes(value: dict[str, Any]) -> Any:
    return b64decode(value["base64"]) if value.keys() == {"base64"} else value
