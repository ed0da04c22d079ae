"""`dataplatform inspect`: what is in a file. It is read to its end, as types are those of whole columns."""

from dataplatform_cli import options as given
from dataplatform_cli.running import run


@given.reads_a_file
def inspect(
    file: given.File,
    *,
    as_json: given.Json = False,
    how: given.HowToRead,
) -> None:
    """Show what is in a file: format, encoding, dialect, tables, columns, types, findings.

    Exit codes: 0 there are tables, 2 nothing in it is a table, 3 refused, 4 a limit was reached, 64 misuse.
    """
    run(how.reading(file), None, as_json=as_json)
