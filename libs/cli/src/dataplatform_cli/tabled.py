"""A file as local Parquet tables, by the very code of `extract`, and functions of the services run over them.

What the commands share that look at tables without any service (`profile`, `assess`, `suitability`):

    with tabled(Reading(file, options, limits), as_json=as_json) as made:
        done = run_over(made, "quality_svc.part:target", {"seed": 0}, preload=["quality_svc.part"])

Here is how tables are made and functions called. What is computed is in the services, how it is shown in the commands.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer

from dataplatform.jobs.sandbox import Sandbox, SandboxError, SandboxFailure
from dataplatform_cli.options import misused
from dataplatform_cli.reading import EXIT, Progress, Reading, read
from dataplatform_cli.showing import plain, progress_bar, show
from processing_svc.report import outcome_of_refusal


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table as local Parquet files in row order. `columns` and `source` are those of the extraction's report."""

    index: int
    name: str
    parts: tuple[Path, ...]
    n_rows: int
    columns: tuple[Mapping[str, Any], ...]
    source: Mapping[str, Any]

    def as_argument(self) -> dict[str, Any]:
        """Return the table as a sandbox's target takes it: `index`, `name` and `parts` as text."""
        return {"index": self.index, "name": self.name, "parts": [str(part) for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Tabled:
    """The tables of one file, gone with the context that made them. `report` is what `extract` writes as report.json.

    `folder` is for whatever is made of them: it goes with them. `as_json`: whether a refusal is told as JSON.
    """

    reading: Reading
    report: Mapping[str, Any]
    tables: tuple[LocalTable, ...]
    folder: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What a target came to: what it returned, and the file that it may have written."""

    result: dict[str, Any]
    document: Path


@contextmanager
def tabled(reading: Reading, *, as_json: bool = False) -> Iterator[Tabled]:
    """Make Parquet tables of a file in a temporary folder, at least one.

    Raises `typer.Exit` as `inspect` would end, and says the same, where nothing in the file is a table.
    """
    with tempfile.TemporaryDirectory(prefix="dataplatform-") as temporary:
        folder = Path(temporary)
        try:
            with progress_bar() as on_progress:
                report = read(reading, folder / "tables", on_progress)
        except OSError as error:
            raise misused(str(error)) from error
        if report["outcome"]["status"] != "tables":
            _refuse(report, reading.path.name, as_json=as_json)
        tables = tuple(_table(table, folder / "tables") for table in report["tables"])
        yield Tabled(reading, report, tables, folder, as_json)


def run_over(made: Tabled, target: str, argument: Mapping[str, Any], *, preload: Sequence[str]) -> Done:
    """Call `target` ("pkg.module:function") in the sandbox with the limits of the reading and a progress bar.

    The target is given `argument` and, where that does not say otherwise: `tables` (all; `index`, `name`, `parts`),
    `document` (a file it may write), `scratch` (a folder), `memory_bytes` and `threads` of its engine. `preload` names
    the modules it imports, which do not count as its memory. Raises `typer.Exit` with the code and the words of a
    refusal where it fails.
    """
    out = Path(tempfile.mkdtemp(dir=made.folder, prefix="run-"))
    document = out / "document.json"
    given = {
        "tables": [table.as_argument() for table in made.tables],
        "document": str(document),
        "scratch": str(out),
        # half for the engine, half for what is in flight around it: as in the parse
        "memory_bytes": made.reading.limits.memory_bytes // 2,
        "threads": 1,
        **argument,
    }

    async def call(on_progress: Progress) -> dict[str, Any]:
        async with Sandbox(preload) as sandbox:
            return await sandbox.run(target, given, made.reading.limits, on_progress, output_folder=out)

    try:
        with progress_bar() as on_progress:
            result = asyncio.run(call(on_progress))
    except (SandboxFailure, SandboxError) as error:
        outcome = outcome_of_refusal(error.code, error.detail).model_dump(mode="json")
        _refuse({**made.report, "outcome": outcome}, made.reading.path.name, as_json=made.as_json)
    return Done(result, document)


def _table(table: Mapping[str, Any], folder: Path) -> LocalTable:
    return LocalTable(
        index=table["index"],
        name=table["name"],
        parts=(folder / table["path"],),
        n_rows=table["n_rows"],
        columns=tuple(table["columns"]),
        source=table["source"],
    )


def _refuse(report: Mapping[str, Any], name: str, *, as_json: bool) -> NoReturn:
    """Tell as `inspect` does what a file came to, and end with its exit code."""
    outcome = report["outcome"]
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
        typer.secho(f"{outcome['reason_code']}: {plain(outcome['detail'])}", fg="red", err=True)
    else:
        show(report, name)
    raise typer.Exit(EXIT[outcome["status"]])
