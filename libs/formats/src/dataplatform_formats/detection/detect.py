"""The decision: from an observation and a seekable reader of the stored bytes to a detection or a refusal."""

import io
import os
from dataclasses import replace
from typing import BinaryIO, Final

from dataplatform_formats.detection import signatures
from dataplatform_formats.detection.names import mismatch
from dataplatform_formats.detection.observation import Observation
from dataplatform_formats.detection.ole import detect_ole
from dataplatform_formats.detection.outcome import Detection, UnacceptableError
from dataplatform_formats.detection.peel import STREAMS, detect_head, peel, refuse_known
from dataplatform_formats.detection.text import detect_text
from dataplatform_formats.detection.zips import detect_zip
from dataplatform_formats.streams import Stream

_PARQUET_MINIMUM_BYTES: Final = 12
_KNOWN: Final = {
    "pdf": Detection("pdf"),
    "biff": Detection("xls"),
    "tar": Detection("archive", compression="tar"),
}


def detect(observation: Observation, reader: BinaryIO, file_name: str | None = None) -> Detection:
    """Return what the file is; raises `UnacceptableError`, and what `reader` raises.

    `file_name` plays no part in that: where it claims something else, the detection says so.
    """
    found = _detect(observation, reader)
    return replace(found, name_mismatch=mismatch(file_name, found)) if file_name else found


def _detect(observation: Observation, reader: BinaryIO) -> Detection:
    if observation.size_bytes == 0:
        raise UnacceptableError("empty_file")
    container = signatures.container_of(observation.head)
    match container:
        case "parquet" | "encrypted_parquet":
            return _detect_parquet(reader, observation.size_bytes, encrypted=container == "encrypted_parquet")
        case "ole":
            return detect_ole(reader)
        case "zip":
            return detect_zip(reader, observation.size_bytes)
        case "gzip" | "bzip2" | "xz" | "zstd":
            return _detect_packed(reader, container)
        case None:
            return _detect_rest(observation)
        case _:
            return _KNOWN[container]


def _detect_packed(reader: BinaryIO, stream: Stream) -> Detection:
    head, whole = peel(reader, stream)
    # what is packed twice is unpacked, step by step, by whoever reads archives
    if signatures.container_of(head) in STREAMS:
        return Detection("archive", compression=stream)
    found = _detect_whole(head) if whole else detect_head(head)
    return replace(found, compression=stream)


def _detect_whole(content: bytes) -> Detection:
    inside = Observation()
    inside.feed(content)
    inside.finish()
    return _detect(inside, io.BytesIO(content))


def _detect_rest(observation: Observation) -> Detection:
    refuse_known(observation.head)
    if observation.text is None:
        raise RuntimeError("the observation was not finished")
    return detect_text(observation.text, observation.head)


def _detect_parquet(reader: BinaryIO, size_bytes: int, *, encrypted: bool) -> Detection:
    if encrypted:
        raise UnacceptableError("encrypted_parquet")
    reader.seek(-min(8, size_bytes), os.SEEK_END)
    footer = reader.read(8)
    if size_bytes < _PARQUET_MINIMUM_BYTES or not footer.endswith((b"PAR1", b"PARE")):
        raise UnacceptableError("truncated_parquet")
    if footer.endswith(b"PARE"):
        raise UnacceptableError("encrypted_parquet")
    if int.from_bytes(footer[:4], "little") > size_bytes - _PARQUET_MINIMUM_BYTES:
        raise UnacceptableError("truncated_parquet", "the Parquet footer is larger than the file: bytes are missing")
    return Detection("parquet")
