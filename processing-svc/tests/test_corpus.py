"""Every file of the corpus ends in a table or a typed refusal, inside the sandbox and its limits."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxError, SandboxFailure
from processing_svc.worker import PARSE, PRELOAD

FORMATS = {"csv", "xlsx", "xlsm", "xlsb", "xls", "ods", "pdf", "parquet"}
LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=120, output_bytes=1 << 30)
STRIDE = 4
"""The default run takes every fourth file of each format, in the order of their names."""
REASON = re.compile(r"^[a-z][a-z0-9_]{2,63}$")
BEYOND_LIMITS = {"large_string_map.brotli.parquet"}
"""Valid files whose single values are larger than a parse may hold."""
READABLE_ALL_THE_SAME = {"ARROW-GH-43605.parquet"}
"""Called bad by its makers, because other readers failed on it; Arrow reads it by the letter of the format."""


def files(corpus: Path, stride: int) -> list[Path]:
    by_format: dict[str, list[Path]] = {}
    for path in sorted(corpus.rglob("*")):
        if path.suffix[1:] in FORMATS:
            by_format.setdefault(path.suffix, []).append(path)
    return [path for group in by_format.values() for path in group[::stride]]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(PRELOAD) as opened:
        yield opened


async def outcome(sandbox: Sandbox, path: Path, folder: Path) -> str:
    """Return `tables` or the code of the refusal."""
    scratch, out = folder / "scratch", folder / "out"
    for made in (scratch, out):
        made.mkdir(parents=True)
    argument = {"path": str(path), "format": path.suffix[1:], "scratch": str(scratch), "out": str(out)}
    try:
        report = await sandbox.run(PARSE, argument, LIMITS, output_folder=folder)
    except (SandboxFailure, SandboxError) as refusal:
        return refusal.code if REASON.match(refusal.code) else f"not a code: {refusal.code}"
    assert all((out / table["path"]).stat().st_size for table in report["tables"])
    return "tables"


async def check(sandbox: Sandbox, paths: list[Path], folder: Path) -> None:
    wrong = []
    for number, path in enumerate(paths):
        code = await outcome(sandbox, path, folder / str(number))
        expected = path.name in BEYOND_LIMITS and code == "memory_limit_exceeded"
        if code in {"crashed", "timed_out", "cpu_limit_exceeded", "memory_limit_exceeded"} and not expected:
            wrong.append(f"{path.name}: {code}")
        if code.startswith("not a code"):
            wrong.append(f"{path.name}: {code}")
        if path.parent.name == "bad_data" and code == "tables" and path.name not in READABLE_ALL_THE_SAME:
            wrong.append(f"{path.name}: read although it is damaged")
    assert not wrong


@pytest.mark.timeout(300)
async def test_a_fixed_sample_of_the_corpus_ends_in_tables_or_typed_refusals(
    corpus: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    await check(sandbox, files(corpus, STRIDE), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_all_of_the_corpus_ends_in_tables_or_typed_refusals(
    corpus: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    await check(sandbox, files(corpus, 1), tmp_path)


async def test_hostile_workbooks_do_not_take_the_worker_along(corpus: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    names = ("OOM_alloc2.xls", "OOM_alloc3.xls", "issue_594_dos.ods", "issue_666_panic.xlsb")
    paths = [corpus / "excel" / "calamine" / name for name in names]
    codes = await asyncio.gather(*(outcome(sandbox, path, tmp_path / path.name) for path in paths))
    assert len(codes) == len(names)


async def test_a_sandboxed_parse_that_needs_too_much_memory_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"a,b\n" + b"x" * 200_000_000 + b",1\n")
    path = path.rename(tmp_path / "line.csv")
    assert await outcome(sandbox, path, tmp_path / "run") in {"line_too_long", "memory_limit_exceeded"}
