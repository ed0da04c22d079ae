"""Runs mutated files through detection and the sandboxed parse; every end must be tables or a typed refusal."""

import asyncio
import io
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox, SandboxError, SandboxFailure
from dataplatform_formats.detection import Observation, UnacceptableError, detect
from fuzz.mutations import mutated
from processing_svc.worker import PRELOAD, WARM_UP

ATTEMPT: Final = "processing_svc.parse:attempt"
LIMITS: Final = Limits(memory_bytes=768 << 20, cpu_seconds=20, wall_seconds=60, output_bytes=256 << 20)
REUSE: Final = Reuse(runs=200, max_peak_bytes=256 << 20)
FAULTS: Final = frozenset({"crashed", "internal_error", "timed_out", "cpu_limit_exceeded"})
"""Ends that no input may have: the process died, an error nobody foresaw, or it hung."""


@dataclass(slots=True)
class Tally:
    """How runs of one format ended, and those that should not have ended so: their numbers and what was said."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)


def input_of(seeds: Sequence[bytes], file_format: str, seed: int, number: int) -> bytes:
    """Return one input again: it depends on these alone."""
    return mutated(random.Random(f"{seed}/{file_format}/{number}"), seeds)


async def fuzz(
    file_format: str,
    inputs: Iterable[tuple[int, bytes]],
    keep: Callable[[int, bytes, str], None] = lambda _number, _data, _said: None,
) -> Tally:
    """Run numbered inputs; `keep` gets those that end as none should."""
    tally = Tally()
    async with Sandbox(PRELOAD, warm=WARM_UP, reuse=REUSE) as sandbox:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            for number, data in inputs:
                code, said = await _end_of(sandbox, file_format, data, Path(folder))
                tally.ends[code] += 1
                if code in FAULTS:
                    tally.faults.append((number, said))
                    keep(number, data, said)
    return tally


async def _end_of(sandbox: Sandbox, file_format: str, data: bytes, folder: Path) -> tuple[str, str]:
    """Return the code of how it ended, `tables` if well, and what was said."""
    detected = await asyncio.to_thread(_detect, data)
    if detected is not None:
        return detected
    work = folder / "work"
    for path in (work, work / "scratch", work / "out"):
        path.mkdir()
    original = work / "original"
    original.write_bytes(data)
    argument = {"path": str(original), "format": file_format, "name": "fuzz", "scratch": str(work / "scratch"),
                "out": str(work / "out")}  # fmt: skip
    try:
        report = await sandbox.run(ATTEMPT, argument, LIMITS, output_folder=work)
    except SandboxFailure as refusal:
        return refusal.code, refusal.detail
    except SandboxError as error:
        return error.code, f"{error.detail}\n{error.log_tail[-2000:]}"
    finally:
        shutil.rmtree(work)
    outcome = report["outcome"]
    return outcome.get("reason_code", "tables"), outcome["detail"]


def _detect(data: bytes) -> tuple[str, str] | None:
    """Detect as every upload is; return a fault, None for an answer of either kind."""
    observation = Observation()
    observation.feed(data)
    observation.finish()
    try:
        detect(observation, io.BytesIO(data), "fuzz.bin")
    except UnacceptableError:
        return None
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return "internal_error", f"detection: {type(error).__name__}: {error}"
    return None
