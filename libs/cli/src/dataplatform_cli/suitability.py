"""`dataplatform suitability`: how well the tables of a file serve an analytical task. No service runs."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dataplatform_cli import options as given
from dataplatform_cli.options import misused
from dataplatform_cli.showing import plain
from dataplatform_cli.tabled import LocalTable, run_over, tabled

TARGET: Final = "quality_svc.suitability.judging:run"
PRELOAD: Final = ("quality_svc.suitability.supervised", "pyarrow.compute", "pandas")
SHOWN: Final = 10

Task = Annotated[
    str,
    typer.Option("--task", "-t", help="classification, regression, forecasting, clustering, text, reporting or join"),
]
Target = Annotated[str | None, typer.Option(help="The column to tell, read or join on; else the likeliest is taken")]
With = Annotated[
    Path | None,
    typer.Option("--with", help="Another file, to join with", exists=True, dir_okay=False, readable=True),
]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn: the same seed gives the same answer", min=0)]
AsOf = Annotated[
    datetime | None, typer.Option(help="The day against which freshness is measured", formats=["%Y-%m-%d"])
]
Table = Annotated[int | None, typer.Option(help="Which table of the file, from 0; else the one with most rows", min=0)]


@given.reads_a_file
def suitability(
    file: given.File,
    task: Task,
    *,
    target: Target = None,
    with_file: With = None,
    table: Table = None,
    seed: Seed = 0,
    as_of: AsOf = None,
    as_json: given.Json = False,
    how: given.HowToRead,
) -> None:
    """Judge how well a table serves an analytical task: verdict, score, what closes the way, what would help.

    Exit codes: 0 judged (whatever the verdict), 2 nothing in the file is a table, 3 refused (an unknown column or
    task), 4 a limit was reached, 64 misuse.
    """
    with ExitStack() as stack:
        made = stack.enter_context(tabled(how.reading(file), as_json=as_json))
        other = None
        if with_file is not None:
            other = stack.enter_context(tabled(how.reading(with_file), as_json=as_json))
        argument = {
            "task": task,
            "target": target,
            "seed": seed,
            "as_of": (as_of or datetime.now(UTC)).date().isoformat(),
            "parts": _parts(_chosen(made.tables, table)),
            "other": None if other is None else _parts(_chosen(other.tables, None)),
        }
        done = run_over(made, TARGET, argument, preload=PRELOAD)
    (document,) = done.result["suitability"]
    if as_json:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _show(document, file.name)


def _chosen(tables: tuple[LocalTable, ...], index: int | None) -> LocalTable:
    if index is None:
        return max(tables, key=lambda table: table.n_rows)
    if index >= len(tables):
        raise misused(f"there is no table {index}; there are {len(tables)}, from 0")
    return tables[index]


def _parts(table: LocalTable) -> list[str]:
    return [str(part) for part in table.parts]


def _show(document: Mapping[str, Any], name: str) -> None:
    """Tell people the verdict, and what made it, most important first."""
    about = f", {plain(document['target'])}" if document["target"] else ""
    interval = document["interval"]
    typer.echo(f"{plain(name)} for {document['task']}{about}: {document['verdict']}, score {document['score']:.2f} "
               f"({interval['low']:.2f} to {interval['high']:.2f})")  # fmt: skip
    for gate in document["gates"]:
        typer.echo(f"  {'ok  ' if gate['passed'] else 'FAIL'} {gate['name']}: {plain(gate['evidence'])}")
    for condition in document["facts"].get("conditions", ()):
        typer.echo(f"  condition: {plain(condition)}")
    for part in document["contributions"]:
        typer.echo(f"  {part['points']:+.3f} {part['name']} ({part['kind']}, {part['value']:.2f}; "
                   f"{part['lost']:.3f} more were it perfect)")  # fmt: skip
    for fix in document["fixes"]:
        words = "would gain" if fix["basis"] == "measured" else "would gain at most"
        typer.echo(f"  {words} {fix['gain']:.3f}: {plain(fix['detail'])}")
    for finding in document["findings"][:SHOWN]:
        share = "" if finding["share"] is None else f" ({finding['share']:.1%})"
        columns = plain(", ".join(finding["columns"][:SHOWN]))
        typer.echo(f"  {finding['kind']}: {columns + ': ' if columns else ''}{plain(finding['detail'])}{share}")
    for candidate in document["candidates"][:SHOWN]:
        typer.echo(f"  candidate {plain(candidate['column'])}: {candidate['score']:.2f}, {plain(candidate['why'])}")
    sampled = document["sampled"]
    typer.echo(f"  looked at {sampled['rows']:,} of {sampled['of_rows']:,} rows ({sampled['method']})")
