"""The page: one file that asks for nothing, which a browser shows without a network and without a script."""

from importlib.resources import files
from typing import Final

from quality_svc.assessment.document import Assessment
from quality_svc.reporting import charts, sections
from quality_svc.reporting.markup import Markup, joined, tag

LARGEST_BYTES: Final = 8 << 20
"""A page beyond this is shortened: tables are left out from the end, and it says so."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(document: Assessment) -> str:
    """Return the page of an assessment, at most `LARGEST_BYTES` (UTF-8) of it."""
    tables = [sections.table(table) for table in document.tables[: sections.TABLES]]
    size = sum(len(table.encode()) for table in tables)
    while size > LARGEST_BYTES // 2 and len(tables) > 1:
        size -= len(tables.pop().encode())
    parts = [
        sections.scores(document),
        sections.contract(document),
        sections.drift(document.drift),
        sections.anomalies(document),
        *tables,
        sections.cut(len(tables), len(document.tables), "tables"),
        sections.failures(document),
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Quality of {document.name}"),
        tag("style", Markup(files(__package__).joinpath("style.css").read_text("utf-8"))),
    )
    body = tag("body", _header(document, len(tables)), tag("main", *parts))
    return joined(Markup("<!DOCTYPE html>"), tag("html", head, body, lang="en")) + "\n"


def _header(document: Assessment, tables: int) -> Markup:
    overall = document.scores.overall if document.scores else None
    rows = sum(table.row_count for table in document.tables)
    words = f"{len(document.tables)} tables" if len(document.tables) != 1 else "1 table"
    links = [("scores", "Scores")] if document.scores else []
    links += [("contract", "Contract")] if document.contract is not None else []
    links += [("drift", "Changes")] if document.drift is not None else []
    links += [("anomalies", "Anomalies")]
    links += [(f"table-{table.index}", f"Table {table.name}") for table in document.tables[:tables]]
    items = (tag("li", tag("a", name, href=f"#{key}")) for key, name in links)
    return tag(
        "header",
        charts.ring(overall, f"Overall score: {sections.percent(overall)}"),
        tag(
            "div",
            tag("h1", document.name),
            tag("p", f"Overall {sections.percent(overall)} · {words}, {rows:,} rows"),
            tag("nav", tag("ul", *items), aria_label="Sections"),
        ),
    )
