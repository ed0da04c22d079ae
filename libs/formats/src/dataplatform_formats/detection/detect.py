"""The decision: from an observation and a seekable reader of the stored bytes to a detection or a refusal."""

import os
from typing import BinaryIO, Final

from dataplatform_formats.detection import signatures
from dataplatform_formats.detection.observation import Observation
from dataplatform_formats.detection.ole import detect_ole
from dataplatform_formats.detection.outcome import Detection, UnacceptableError
from dataplatform_formats.detection.text import detect_text
from dataplatform_formats.detection.zips import detect_zip

_PARQUET_MINIMUM_BYTES: Final = 12


def detect(observation: Observation, reader: BinaryIO) -> Detection:
    """Return what the file is; raises `UnacceptableError`, and what `reader` raises."""
    if observation.size_bytes == 0:
        raise UnacceptableError("empty_file")
    container = signatures.container_of(observation.head)
    match container:
        case "parquet":
            return _detect_parquet(reader, observation.size_bytes)
        case "encrypted_parquet":
            raise UnacceptableError("encrypted_parquet")
        case "ole":
            return detect_ole(reader)
        case "zip":
            return detect_zip(reader)
        case "pdf" | "biff":
            return Detection("pdf" if container == "pdf" else "xls")
    return _detect_rest(observation)


def _detect_rest(observation: Observation) -> Detection:
    head = observation.head
    if compression := signatures.compression_of(head):
        raise UnacceptableError("unsupported_compression", f"the file is {compression}: send what is inside")
    if other := signatures.other_of(head):
        raise UnacceptableError("unsupported_format", f"this is {other}, which is not read here")
    if observation.text is None:
        raise RuntimeError("the observation was not finished")
    return detect_text(observation.text, head)


def _detect_parquet(reader: BinaryIO, size_bytes: int) -> Detection:
    reader.seek(-min(8, size_bytes), os.SEEK_END)
    footer = reader.read(8)
    if size_bytes < _PARQUET_MINIMUM_BYTES or not footer.endswith((b"PAR1", b"PARE")):
        raise UnacceptableError("truncated_parquet")
    if footer.endswith(b"PARE"):
        raise UnacceptableError("encrypted_parquet")
    if int.from_bytes(footer[:4], "little") > size_bytes - _PARQUET_MINIMUM_BYTES:
        raise UnacceptableError("truncated_parquet", "the Parquet footer is larger than the file: bytes are missing")
    return Detection("parquet")
