"""What `inspect` and `extract` do alike: read a file, tell what came of it, end with its exit code."""

import json
from pathlib import Path
from typing import NoReturn

import typer

from dataplatform_cli.options import misused
from dataplatform_cli.reading import EXIT, REPORT, Reading, read
from dataplatform_cli.showing import progress_bar, show


def run(reading: Reading, out: Path | None, *, as_json: bool) -> NoReturn:
    """Read, keep the tables in `out` if there is such a folder, tell; raises `typer.Exit` with the outcome's code."""
    try:
        with progress_bar() as on_progress:
            report = read(reading, out, on_progress)
    except OSError as error:
        raise misused(str(error)) from error
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        show(report, reading.path.name)
        if out is not None:
            typer.echo(f"report: {out / REPORT}")
    raise typer.Exit(EXIT[report["outcome"]["status"]])
