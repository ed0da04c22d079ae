"""A report in words for people, and the progress bar. Nothing is decided here."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from dataplatform_cli.reading import Progress as OnProgress

SHOWN_COLUMNS = 50
SHOWN_REMARKS = 10


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Give a function that shows how far the work is, on stderr where that is a terminal, else nowhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def show(progress: dict[str, Any]) -> None:
            if "detected_bytes" in progress:
                bar.update(task, total=progress["size_bytes"], completed=progress["detected_bytes"])
                return
            table = plain(progress["tables"][-1]["name"]) if progress.get("tables") else "reading"
            share = progress.get("share")
            done = {"total": None} if share is None else {"total": 1.0, "completed": share}
            bar.update(task, description=f"{table}: {progress.get('rows', 0):,} rows in all", **done)

        yield show


def show(report: Mapping[str, Any], name: str) -> None:
    """Print a report on stdout; the reason why there is no table on stderr."""
    typer.echo(f"{plain(name)}: {_detected(report['detected'])}")
    for key, value in report["metadata"].items():
        typer.echo(f"  {plain(str(key))}: {plain(str(value))}")
    for table in report["tables"]:
        _show_table(table)
    for part in report["unextracted"]:
        typer.echo(f"not extracted: {_place(part['source'])}: {part['reason_code']}: {plain(part['detail'])}")
    _show_remarks("finding", report["findings"], "detail")
    outcome = report["outcome"]
    if outcome["status"] != "tables":
        typer.secho(f"{outcome['reason_code']}: {plain(outcome['detail'])}", fg="red", err=True)


def plain(text: str) -> str:
    """Return text without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _detected(detected: Mapping[str, Any]) -> str:
    words = [detected.get("format") or "no format that is read here"]
    words += [detected[key] for key in ("compression", "encoding") if detected.get(key)]
    words += [f"{key} {value!r}" for key, value in detected["dialect"].items() if value is not None]
    if detected.get("name_mismatch"):
        words.append(detected["name_mismatch"])
    return plain(", ".join(words))


def _show_table(table: Mapping[str, Any]) -> None:
    columns = table["columns"]
    where = f" -> {table['path']}" if table.get("path") else ""
    typer.echo(f"table {table['index']} {plain(table['name'])!r} ({_place(table['source'])}): "
               f"{table['n_rows']:,} rows, {len(columns):,} columns{where}")  # fmt: skip
    width = max((len(column["name"]) for column in columns[:SHOWN_COLUMNS]), default=0)
    for column in columns[:SHOWN_COLUMNS]:
        typer.echo(f"  {column['name']:{width}}  {_column(column)}")
    if len(columns) > SHOWN_COLUMNS:
        typer.echo(f"  ... and {len(columns) - SHOWN_COLUMNS:,} more")
    _show_remarks("repair", table["repairs"], "what", table["repair_counts"])
    _show_remarks("finding", table["findings"], "detail", table["finding_counts"])


def _column(column: Mapping[str, Any]) -> str:
    words = [column["type"]]
    words += [f"[{plain(column['unit'])}]"] if column.get("unit") else []
    words += [f"{column['nulls']:,} nulls"] if column["nulls"] else []
    failed = column["failed_casts"]["count"]
    words += [f"{failed:,} failed casts"] if failed else []
    words += [f"from {plain(column['source_name'])!r}"] if column.get("source_name") else []
    words += [column["note"]] if column.get("note") else []
    return ", ".join(words)


def _show_remarks(what: str, remarks: Any, words: str, counts: Mapping[str, int] | None = None) -> None:
    shown: dict[str, int] = {}
    for remark in remarks:
        kind = remark["kind"]
        shown[kind] = shown.get(kind, 0) + 1
        if shown[kind] <= SHOWN_REMARKS:
            position = f" ({plain(remark['position'])})" if remark.get("position") else ""
            typer.echo(f"  {what} {kind}{position}: {plain(remark[words])}")
    for kind, count in (counts or {}).items():
        rest = count - min(shown.get(kind, 0), SHOWN_REMARKS)
        if rest > 0 and count > 1:
            typer.echo(f"  {what} {kind}: {count:,} in all")


def _place(source: Mapping[str, Any]) -> str:
    words = [source["kind"]]
    for key in ("member", "sheet", "name", "region"):
        value = source.get(key)
        if value and plain(value) not in words:
            words.append(plain(value))
    if source.get("page"):
        words.append(f"{source['page']}-{source['last_page']}")
    if source.get("line_range"):
        words.append("{}-{}".format(*source["line_range"]))
    if source.get("hidden"):
        words.append("hidden")
    return " ".join(words)
