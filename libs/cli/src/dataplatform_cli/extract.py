"""`dataplatform extract`: the tables of a file as Parquet, one each, and `report.json`."""

from pathlib import Path
from typing import Annotated

import typer

from dataplatform_cli import options as given
from dataplatform_cli.running import run

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables and report.json", file_okay=False)]


@given.reads_a_file
def extract(
    file: given.File,
    out: Out,
    *,
    as_json: given.Json = False,
    how: given.HowToRead,
) -> None:
    """Write the tables of a file as Parquet, one each, and report.json, which is written whatever comes of it.

    Exit codes: 0 tables extracted, 2 nothing extractable, 3 refused, 4 a limit was reached, 64 misuse.
    """
    run(how.reading(file), out, as_json=as_json)
