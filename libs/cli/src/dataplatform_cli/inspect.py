"""`dataplatform inspect`: what is in a file. It is read to its end, as types are those of whole columns."""

from dataplatform_cli import options as given
from dataplatform_cli.reading import Reading
from dataplatform_cli.running import run


def inspect(
    file: given.File,
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
    """Show what is in a file: format, encoding, dialect, tables, columns, types, findings.

    Exit codes: 0 there are tables, 2 nothing in it is a table, 3 refused, 4 a limit was reached, 64 misuse.
    """
    options = given.parse_options(types, names, encoding=encoding, delimiter=delimiter, quote=quote,
                                  header_row=header_row, sheet=sheet, pages=pages)  # fmt: skip
    limits = given.limits_of(memory, cpu_time, time, max_output)
    run(Reading(file, options, limits), None, as_json=as_json)
