"""One file read as the service reads it, without any service: detection here, the parse in the sandbox, a report.

What `inspect` and `extract` share. How they speak to people is in `showing` and in their own files.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from dataplatform.events.base import ParseOptions
from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxError, SandboxFailure
from dataplatform_formats.detection import Detection, Observation, UnacceptableError, detect
from processing_svc.handlers.registry import module_of
from processing_svc.report import Confidences, Detected, refusal

ATTEMPT: Final = "processing_svc.parse:attempt"
REPORT: Final = "report.json"
CHUNK_BYTES: Final = 1 << 20
EXIT: Final = {"tables": 0, "nothing": 2, "refused": 3, "limit": 4}
"""Exit codes by what a parse came to. 1 is a fault of the platform, 64 a call that cannot be carried out."""
MISUSED: Final = 64

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read, and how: a file, a person's options, the limits of the parse."""

    path: Path
    options: ParseOptions
    limits: Limits


def read(reading: Reading, out: Path | None, on_progress: Progress) -> dict[str, Any]:
    """Read the file; with `out`, a folder, its tables and its report are written there. Return the report.

    Raises `OSError` where the file cannot be opened or the folder not written.
    """
    try:
        detection = _detect(reading.path, on_progress)
    except UnacceptableError as error:
        return _kept(refusal(error.code, error.detail, Detected(), reading.options), out)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="dataplatform-") as folder:
            return asyncio.run(_parse(reading, detection, Path(folder), on_progress, write=False))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".extract-") as folder:
        report = asyncio.run(_parse(reading, detection, Path(folder), on_progress, write=True))
        for table in report["tables"]:
            (Path(folder) / "out" / table["path"]).replace(out / table["path"])
    return _kept(report, out)


def _detect(path: Path, on_progress: Progress) -> Detection:
    """Detect the format as ingest does: every byte is observed once."""
    observation, size = Observation(), path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            observation.feed(chunk)
            on_progress({"detected_bytes": observation.size_bytes, "size_bytes": size})
        observation.finish()
        return _decided(observation, file, path.name)


def _decided(observation: Observation, file: BinaryIO, name: str) -> Detection:
    file.seek(0)
    return detect(observation, file, name)


async def _parse(
    reading: Reading, detection: Detection, folder: Path, on_progress: Progress, *, write: bool
) -> dict[str, Any]:
    out, scratch = folder / "out", folder / "scratch"
    out.mkdir()
    scratch.mkdir()
    detected = _described(detection)
    argument = {
        "path": str(reading.path.resolve()),
        "format": detection.format,
        "encoding": detection.encoding,
        "compression": detection.compression,
        "detected": detected.model_dump(mode="json", exclude_none=True),
        "name": reading.path.stem,
        "scratch": str(scratch),
        "out": str(out),
        "write": write,
        # half for the engine, half for what is in flight around it: as the service's worker has it
        "budget": {"memory_bytes": reading.limits.memory_bytes // 2},
        "options": reading.options.model_dump(mode="json", exclude_none=True),
    }
    try:
        async with Sandbox(_preload(detection.format)) as sandbox:
            return await sandbox.run(ATTEMPT, argument, reading.limits, on_progress, output_folder=folder)
    except (SandboxFailure, SandboxError) as error:
        return refusal(error.code, error.detail, detected, reading.options)


def _preload(file_format: str) -> list[str]:
    """Name what the parse of this format imports, which does not count as its memory."""
    handler = module_of(file_format)
    return ["processing_svc.parse", "pyarrow.compute", "pyarrow.dataset", "pandas", *([handler] if handler else [])]


def _described(detection: Detection) -> Detected:
    return Detected(
        format=detection.format,
        media_type=detection.media_type,
        compression=detection.compression,
        encoding=detection.encoding,
        name_mismatch=detection.name_mismatch,
        confidences=Confidences(
            format=1.0 if detection.encoding is None else detection.confidence,
            encoding=None if detection.encoding is None else detection.confidence,
        ),
    )


def _kept(report: dict[str, Any], out: Path | None) -> dict[str, Any]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / REPORT).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return report
