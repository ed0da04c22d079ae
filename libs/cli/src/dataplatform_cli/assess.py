"""`dataplatform assess`: scores, rules, anomalies and drift of a file, as text, JSON or a page. No service runs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dataplatform.contracts import read_contract
from dataplatform_cli import options as given
from dataplatform_cli.options import misused
from dataplatform_cli.showing import plain
from dataplatform_cli.tabled import LocalTable, run_over, tabled

TARGET: Final = "quality_svc.assessment.local:assess_file"
PRELOAD: Final = ("quality_svc.assessment.local",)
CRITICAL_FAILED: Final = 1
SHOWN: Final = 20
_SEED: Final = 0

Contract = Annotated[
    Path | None,
    typer.Option(help="An Open Data Contract Standard document", exists=True, dir_okay=False, readable=True),
]
Reference = Annotated[
    Path | None,
    typer.Option(help="An older file to compare with, of any format", exists=True, dir_okay=False, readable=True),
]
Html = Annotated[Path | None, typer.Option(help="Write a report with charts to this file", dir_okay=False)]
Rows = Annotated[bool, typer.Option("--rows", help="Score every row, not only the most unusual ones")]


@given.reads_a_file
def assess(
    file: given.File,
    *,
    contract: Contract = None,
    reference: Reference = None,
    html: Html = None,
    rows: Rows = False,
    as_json: given.Json = False,
    how: given.HowToRead,
) -> None:
    """Assess a file: quality scores, a contract's rules, anomalies, and what changed since an older file.

    Exit codes: 0 assessed, 1 a critical rule failed, 2 nothing in it is a table, 3 refused, 4 a limit was reached,
    64 misuse.
    """
    if html is not None and not html.parent.is_dir():
        raise misused(f"{html.parent} is no folder")
    with ExitStack() as stack:
        made = stack.enter_context(tabled(how.reading(file), as_json=as_json))
        old = None
        if reference is not None:
            old = stack.enter_context(tabled(how.reading(reference), as_json=as_json)).tables
        argument = {
            "name": file.name,
            "seed": _SEED,
            "rows": rows,
            "tables": _tables(made.tables),
            "reference": None if old is None else _tables(old),
            "contract": None
            if contract is None
            else {"text": _contract(contract), "at": datetime.now(UTC).isoformat()},
            "html": html is not None,
        }
        done = run_over(made, TARGET, argument, preload=PRELOAD)
        document = json.loads(done.document.read_bytes())
        if html is not None:
            _write(html, done.document.with_suffix(".html").read_bytes())
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False)) if as_json else _show(document)
    if html is not None and not as_json:
        typer.echo(f"report: {html}")
    if done.result["critical_failed"]:
        typer.secho(f"critical rules failed: {plain(', '.join(done.result['critical_failed']))}", fg="red", err=True)
        raise typer.Exit(CRITICAL_FAILED)


def _tables(tables: Sequence[LocalTable]) -> list[dict[str, Any]]:
    return [{**table.as_argument(), "columns": [dict(column) for column in table.columns]} for table in tables]


def _contract(path: Path) -> str:
    """Return the text of a contract, which must be one: a typing error should not wait for the assessment."""
    try:
        body = path.read_bytes()
        read_contract(body)
        return body.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise misused(f"{path}: {error}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise misused(f"{path}: {error}") from error


def _show(document: Mapping[str, Any]) -> None:
    """Tell people what an assessment found, the worst first; everything is in the JSON."""
    scores = document.get("scores") or {}
    typer.echo(f"{plain(document['name'])}: overall {_percent(scores.get('overall'))}")
    for dimension in scores.get("dimensions", ()):
        typer.echo(f"  {dimension['dimension']:18} {_percent(dimension['score'])}")
    for table in document["tables"]:
        typer.echo(f"table {table['index']} {plain(table['name'])!r}: {table['row_count']:,} rows, "
                   f"{table['column_count']:,} columns")  # fmt: skip
    _show_contract(document.get("contract"))
    _show_anomalies(document["anomalies"], many=len(document["tables"]) > 1)
    _show_drift(document.get("drift"))
    for failure in document["failures"]:
        typer.secho(f"{failure['section']} failed: {failure['code']}: {plain(failure['detail'])}", fg="red", err=True)


def _show_contract(contract: Mapping[str, Any] | None) -> None:
    if contract is None:
        return
    typer.echo(f"contract {plain(contract['contract_id'])}: {contract['state']}, {contract['passed']} clauses passed, "
               f"{contract['failed']} failed, {contract['not_evaluated']} not evaluated")  # fmt: skip
    for clause in contract["clauses"]:
        result = clause["result"]
        if result["state"] != "passed":
            failed = f"{result['failed']:,} of {result['evaluated']:,}" if result.get("evaluated") else None
            words = [result["state"].replace("_", " "), result["severity"], ", ".join(result["columns"]),
                     result["name"] or clause["clause"], failed, result.get("detail")]  # fmt: skip
            typer.echo("  " + plain(": ".join(word for word in words if word)))
    if contract["not_enforced"]:
        typer.echo(f"  {len(contract['not_enforced'])} parts of it are not checked here (see --json)")


def _show_anomalies(anomalies: Mapping[str, Any], *, many: bool) -> None:
    kinds: Counter[str] = Counter()
    for count in anomalies["by_column"]:
        kinds[count["kind"]] += count["found"]
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    typer.echo(f"suspicious cells: {anomalies['cells_found']:,}" + (f" ({counted})" if counted else ""))
    for cell in sorted(anomalies["cells"], key=lambda cell: -cell["confidence"])[:SHOWN]:
        where = f"table {cell['table']}, " if many else ""
        better = f"; perhaps {plain(cell['suggestion'])!r}" if cell.get("suggestion") is not None else ""
        typer.echo(f"  {where}row {cell['row']}, {plain(cell['column'])}: {cell['kind']}: "
                   f"{plain(cell['evidence'])}{better}")  # fmt: skip
    for series in anomalies["series"]:
        for found in series.get("anomalies", ()):
            typer.echo(f"series {plain(series['column'])}: {found['kind']} {found['begins']} to {found['ends']}: "
                       f"{plain(found['evidence'])}")  # fmt: skip


def _show_drift(drift: Mapping[str, Any] | None) -> None:
    if drift is None:
        return
    typer.echo(f"compared with the reference: {drift['verdict']}")
    findings = [(None, finding) for finding in drift["findings"]]
    findings += [(table["table"], finding) for table in drift["tables"] for finding in table["findings"]]
    for table, finding in findings:
        where = [plain(name) for name in (table if len(drift["tables"]) > 1 else None, finding.get("column")) if name]
        typer.echo(f"  {finding['severity']}: {finding['kind']}: {': '.join([*where, plain(finding['detail'])])}")


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"
