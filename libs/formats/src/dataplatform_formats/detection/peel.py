"""What a compressed stream holds: a bounded head of it is unpacked in memory and looked at like a file.

Whether the rest can be unpacked shows itself when the file is parsed.
"""

import io
from dataclasses import replace
from typing import BinaryIO, Final

from dataplatform.events.base import Format
from dataplatform_formats.detection import signatures
from dataplatform_formats.detection.observation import Observation
from dataplatform_formats.detection.ole import detect_ole
from dataplatform_formats.detection.outcome import Detection, UnacceptableError
from dataplatform_formats.detection.text import detect_text
from dataplatform_formats.detection.zips import detect_zip_head
from dataplatform_formats.streams import DAMAGE, Stream, open_stream

HEAD_BYTES: Final = 2 * 1024 * 1024
"""Unpacked bytes that are looked at. A stream that is no longer is judged as a whole."""
_CHUNK_BYTES: Final = 64 * 1024
_SEEN_IN_PART: Final = 0.9
"""Confidence in what the beginning alone shows."""
_FORMATS: Final[dict[str, Format]] = {"parquet": "parquet", "pdf": "pdf", "biff": "xls"}
STREAMS: Final = frozenset({"gzip", "bzip2", "xz", "zstd"})


def peel(reader: BinaryIO, stream: Stream) -> tuple[bytes, bool]:
    """Return the first unpacked bytes, and whether they are all; raises `UnacceptableError`."""
    reader.seek(0)
    head = bytearray()
    try:
        plain = open_stream(reader, stream)
        while len(head) <= HEAD_BYTES and (chunk := plain.read(_CHUNK_BYTES)):
            head += chunk
    except DAMAGE as error:
        raise UnacceptableError("damaged_archive", f"the {stream} stream is cut off or damaged ({error})") from error
    except MemoryError as error:
        raise UnacceptableError("oversized_archive", f"the {stream} stream asks for too much memory") from error
    if not head:
        raise UnacceptableError("empty_file", f"the {stream} stream holds no bytes")
    return bytes(head[:HEAD_BYTES]), len(head) <= HEAD_BYTES


def detect_head(head: bytes) -> Detection:
    """Return what a file is of which only the head is known, and which is longer; raises `UnacceptableError`."""
    match signatures.container_of(head):
        case "encrypted_parquet":
            raise UnacceptableError("encrypted_parquet")
        case "zip":
            found = detect_zip_head(head)
        case "ole":
            found = detect_ole(io.BytesIO(head))
        case None:
            found = _detect_text_head(head)
        case container:
            found = Detection(_FORMATS.get(container, "archive"))
    return replace(found, confidence=min(found.confidence, _SEEN_IN_PART))


def _detect_text_head(head: bytes) -> Detection:
    observation = Observation()
    observation.feed(head)
    observation.finish(cut=True)
    refuse_known(observation.head)
    if observation.text is None:
        raise RuntimeError("a container was taken for text")
    found = detect_text(observation.text, observation.head)
    return Detection(found.format, confidence=found.confidence)


def refuse_known(head: bytes) -> None:
    """Raise `UnacceptableError` for what the first bytes show to be of a kind that is not read here."""
    if compression := signatures.compression_of(head):
        raise UnacceptableError("unsupported_compression", f"the file is {compression}: send what is inside")
    if other := signatures.other_of(head):
        raise UnacceptableError("unsupported_format", f"this is {other}, which is not read here")
