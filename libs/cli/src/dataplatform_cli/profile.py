"""`dataplatform profile`: every column of the tables in a file, measured; as text for people or as JSON."""

from typing import Annotated, Any, Final

import typer

from dataplatform_cli import options as given
from dataplatform_cli.options import misused
from dataplatform_cli.profile_text import show_profile
from dataplatform_cli.tabled import run_over, tabled

TARGET: Final = "quality_svc.profile.target:profile"
PRELOAD: Final = ("quality_svc.profile.target", "quality_svc.semantics.recognizing")
Table = Annotated[int | None, typer.Option("--table", help="Only this table, by its index in `inspect`", min=0)]


@given.reads_a_file
def profile(
    file: given.File,
    *,
    as_json: given.Json = False,
    table: Table = None,
    how: given.HowToRead,
) -> None:
    """Profile the columns of a file: counts, distribution, frequent values, patterns, what each is about.

    Exit codes: 0 profiled, 2 nothing in it is a table, 3 refused, 4 a limit was reached, 64 misuse.
    """
    with tabled(how.reading(file), as_json=as_json) as made:
        chosen = [found for found in made.tables if table in {None, found.index}]
        if not chosen:
            raise misused(f"there is no table {table}: there are {len(made.tables)}, from 0")
        argument: dict[str, Any] = {"tables": [found.as_argument() for found in chosen]}
        done = run_over(made, TARGET, argument, preload=PRELOAD)
        if as_json:
            with done.document.open(encoding="utf-8") as document:
                while piece := document.read(1 << 20):
                    typer.echo(piece, nl=False)
            typer.echo()
        else:
            show_profile(done.document)
