"""`dataplatform extract`: the tables of a file as Parquet, one each, and `report.json`."""

from pathlib import Path
from typing import Annotated

import typer

from dataplatform_cli import options as given
from dataplatform_cli.reading import Reading
from dataplatform_cli.running import run

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables and report.json", file_okay=False)]


def extract(
    file: given.File,
    out: Out,
    *,
    as_json: given.Json = False,
    encoding: given.Encoding = None,
    delimiter: given.Delimiter = None,
    quote: given.Quote = None,
    header_row: given.HeaderRow = None,
    sheet: given.Sheet = None,
    pages: given.Pages = None,
    types: given.Types = None,
    names: given.Names = None,
    memory: given.Memory = "1GiB",
    cpu_time: given.CpuTime = 6 * 3600.0,
    time: given.Time = 12 * 3600.0,
    max_output: given.MaxOutput = "64GiB",
) -> None:
    """Write the tables of a file as Parquet, one each, and report.json, which is written whatever comes of it.

    Exit codes: 0 tables extracted, 2 nothing extractable, 3 refused, 4 a limit was reached, 64 misuse.
    """
    options = given.parse_options(types, names, encoding=encoding, delimiter=delimiter, quote=quote,
                                  header_row=header_row, sheet=sheet, pages=pages)  # fmt: skip
    limits = given.limits_of(memory, cpu_time, time, max_output)
    run(Reading(file, options, limits), out, as_json=as_json)
