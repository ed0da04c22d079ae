"""The sections of the page, each from its part of the assessment. Long lists are cut, and say so."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite
from typing import Final

from quality_svc.assessment.document import AssessedTable, Assessment
from quality_svc.drift.document import Drift, Finding
from quality_svc.profile.document import Cell, ColumnProfile
from quality_svc.relations.document import Relations
from quality_svc.reporting import charts
from quality_svc.reporting.markup import Child, Markup, escaped, joined, tag

TABLES: Final = 20
COLUMNS: Final = 200
CELLS: Final = 200
ROWS: Final = 30
FINDINGS: Final = 200
_CORRELATED: Final = 16
_TOP: Final = 6
_PERCENT: Final = 100


def percent(share: float | None) -> str:
    """Return a share in words; hardly anything and nearly everything are not rounded away."""
    if share is None:
        return "not measured"
    shown = f"{_PERCENT * share:.1f} %"
    if shown == "100.0 %" and share < 1:
        return "> 99.9 %"
    return "< 0.1 %" if shown == "0.0 %" and share > 0 else shown


def table_of(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    """Return a table that screen readers can follow, which scrolls by itself where it is too wide."""
    head = tag("tr", *(tag("th", name, scope="col") for name in heads))
    body = joined(*(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def section(key: str, title: str, *children: Child) -> Markup:
    """Return a section with a heading that others can point at."""
    return tag("section", tag("h2", title, id=key), *children, aria_labelledby=key)


def cut(shown: int, of: int, what: str) -> Markup:
    """Return the remark that not everything is shown, where that is so."""
    return tag("p", f"{shown:,} of {of:,} {what} are shown.", class_="note") if shown < of else Markup("")


def scores(document: Assessment) -> Markup:
    """Return the overall score and the dimensions with their measures."""
    found = document.scores
    if found is None:
        return Markup("")
    measures = {measure.name: measure for measure in document.measures}
    rows = []
    for dimension in found.dimensions:
        of = "; ".join(
            f"{name.replace('_', ' ')} {measures[name].numerator:,} of {measures[name].denominator:,}"
            for name in dimension.measures
            if name in measures
        )
        chart = charts.meter(dimension.score, f"{dimension.dimension}: {percent(dimension.score)}")
        name = tag("strong", dimension.dimension, class_="number")
        share = tag("span", percent(dimension.score), class_="number")
        rows.append((name, chart, share, escaped(of, 600)))
    failed = tag("p", "Critical rules failed: ", ", ".join(found.critical_failed), class_="alarm")
    return section(
        "scores",
        "Scores by dimension",
        failed if found.critical_failed else None,
        table_of("Dimensions of quality (ISO/IEC 25012)", ("Dimension", "", "Score", "Measures"), rows),
        tag("p", f"{found.measured} of {found.registered} measures could be evaluated; what could not be does not "
                 f"count. Weights of version {found.weights}.", class_="note"),
    )  # fmt: skip


def contract(document: Assessment) -> Markup:
    """Return the rules of the contract and what they came to."""
    if document.contract is None:
        return Markup("")
    order = {"failed": 0, "not_evaluated": 1, "passed": 2}
    clauses = sorted(document.contract.clauses, key=lambda clause: order[clause.result.state])
    rows = (
        (
            _chip(clause.result.state, "alarm" if clause.result.state == "failed" else "info"),
            clause.result.severity,
            clause.result.name or clause.clause,
            ", ".join(clause.result.columns),
            _of(clause.result.failed, clause.result.evaluated),
            clause.result.detail or clause.result.reason or "",
        )
        for clause in clauses[:FINDINGS]
    )
    heads = ("State", "Severity", "Rule", "Columns", "Failed", "Detail")
    unchecked = [f"{part.path}: {part.reason}" for part in document.contract.not_enforced]
    return section(
        "contract",
        "Contract",
        tag("p", tag("strong", document.contract.state.replace("_", " ")), f": {document.contract.contract_id}."),
        table_of("Clauses of the contract", heads, rows),
        cut(min(FINDINGS, len(clauses)), len(clauses), "clauses"),
        tag("p", "Not checked here: ", escaped("; ".join(unchecked), 2000), class_="note") if unchecked else None,
    )


def _of(failed: int | None, evaluated: int | None) -> str:
    return "" if failed is None or evaluated is None else f"{failed:,} of {evaluated:,}"


def drift(found: Drift | None) -> Markup:
    """Return what changed since the reference."""
    if found is None:
        return Markup("")
    named = [("", finding) for finding in found.findings]
    named += [(table.table, finding) for table in found.tables for finding in table.findings]
    rows = (
        (_chip(finding.severity, "info" if finding.severity == "info" else "alarm"), finding.kind.replace("_", " "),
         ": ".join(name for name in (table if len(found.tables) > 1 else "", finding.column or "") if name),
         escaped(finding.detail, 400), _effect(finding))
        for table, finding in named[:FINDINGS]
    )  # fmt: skip
    heads = ("Severity", "Kind", "Column", "What changed", "Effect and threshold")
    shown = table_of("Changes, the worst first", heads, rows) if named else tag("p", "Nothing changed beyond chance.")
    counts = ", ".join(f"{t.table}: {t.rows_old:,} rows before, {t.rows_new:,} now" for t in found.tables[:TABLES])
    return section(
        "drift", "Changes since the reference", tag("p", tag("strong", found.verdict), ". ", escaped(counts, 1000)),
        shown, cut(min(FINDINGS, len(named)), len(named), "changes"),
    )  # fmt: skip


def _effect(finding: Finding) -> str:
    effect = finding.effect
    if effect is None:
        return ""
    words = f"{effect.metric.replace('_', ' ')} {effect.value:.3g} {effect.unit}, threshold {effect.threshold:.3g}"
    return words + (
        f" (of {effect.comparisons} earlier changes)" if effect.threshold_from == "history" else " (default)"
    )


def anomalies(document: Assessment) -> Markup:
    """Return suspicious cells, unusual rows and breaks in series."""
    found, many = document.anomalies, len(document.tables) > 1
    kinds: Counter[str] = Counter()
    for count in found.by_column:
        kinds[count.kind] += count.found
    chart = charts.bars(
        [(kind, float(count), f"{count:,}") for kind, count in kinds.most_common(14)], "Suspicious cells by kind", 420
    )
    cells = sorted(found.cells, key=lambda cell: -cell.confidence)[:CELLS]
    rows = ((*_where(cell.table, many), cell.row, tag("code", cell.column), cell.kind, escaped(cell.evidence, 300),
             tag("code", cell.suggestion) if cell.suggestion is not None else "", percent(cell.confidence))
            for cell in cells)  # fmt: skip
    heads = (*_where("Table", many), "Row", "Column", "Kind", "Evidence", "Suggestion", "Confidence")
    parts = [tag("p", f"{found.cells_found:,} suspicious cells. Rows count data rows from 0.")]
    if cells:
        parts += [tag("div", chart, class_="chart"), table_of("Suspicious cells, most certain first", heads, rows)]
        parts.append(cut(len(cells), found.cells_found, "cells"))
    return section("anomalies", "Anomalies", *parts, _rows(document), _series(document))


def _rows(document: Assessment) -> Markup:
    found, many = document.anomalies.rows, len(document.tables) > 1
    if not found:
        return Markup("")
    unusual = sorted(found, key=lambda row: -row.score)[:ROWS]
    rows = (
        (*_where(row.table, many), str(row.row), f"{row.score:.3f}",
         "; ".join(f"{part.column} (z {part.z:.1f})" for part in row.explanation[:4]))
        for row in unusual
    )  # fmt: skip
    return table_of("The most unusual rows", (*_where("Table", many), "Row", "Score", "Far from the bulk"), rows)


def _series(document: Assessment) -> Markup:
    rows = [
        (
            series.column,
            found.kind.replace("_", " "),
            found.begins,
            found.ends,
            f"{found.score:.2f}",
            escaped(found.evidence, 300),
        )
        for series in document.anomalies.series
        for found in series.anomalies
    ]
    heads = ("Series", "Kind", "Begins", "Ends", "Score", "Evidence")
    return table_of("Breaks in series", heads, rows[:FINDINGS]) if rows else Markup("")


def _where(table: object, many: bool) -> tuple[str, ...]:
    """Return the cell that names a table, where there are several."""
    return (str(table),) if many else ()


def table(document: AssessedTable) -> Markup:
    """Return one table: its facts, missingness, correlations, columns."""
    key = f"table-{document.index}"
    shown = document.columns[:COLUMNS]
    return section(
        key,
        f"Table {document.name}",
        tag("p", f"{document.row_count:,} rows, {document.column_count:,} columns."),
        _relations(document.relations) if document.relations else None,
        _missing(document),
        _suitability(document),
        tag("h3", "Columns"),
        tag("div", *(_column(column, document.row_count) for column in shown), class_="cards"),
        cut(len(shown), document.column_count, "columns"),
    )


def _relations(relations: Relations) -> Markup:
    keys = [", ".join(key.columns) for key in relations.keys.candidates if key.exact and key.plausible][:8]
    facts = [f"Keys: {'; '.join(keys) or 'none found'}."]
    facts += [f"Duplicate rows: {found.rows:,} ({percent(found.share)})." for found in relations.duplicates[:1]]
    facts += [
        f"{cover.column}: {cover.first} to {cover.last}, {cover.granularity}, {cover.missing:,} periods missing."
        for cover in relations.coverage[:4]
    ]
    listed = tag("ul", *(tag("li", escaped(fact, 400)) for fact in facts))
    dependencies = ((", ".join(found.determinant), found.dependent, percent(found.confidence), f"{found.violations:,}")
                    for found in relations.dependencies.found[:20])  # fmt: skip
    heads = ("Columns", "determine", "Confidence", "Violations")
    table = table_of("Dependencies between columns", heads, dependencies) if relations.dependencies.found else None
    return joined(listed, table, _correlations(relations))


def _correlations(relations: Relations) -> Markup:
    values: dict[tuple[str, str], float] = {}
    names: list[str] = []
    for found in relations.correlations.strongest:
        fresh = [name for name in found.columns if name not in names]
        if len(names) + len(fresh) <= _CORRELATED:
            names += fresh
            if found.columns not in values:
                values[found.columns] = found.value
    if len(names) < 2:  # noqa: PLR2004
        return Markup("")
    chart = charts.matrix(names, values, "Correlations of the columns that go together most")
    note = "Numbers: rank or linear correlation; categories: Cramer's V and eta. Empty squares were weaker."
    return joined(tag("h3", "Correlations"), tag("div", chart, class_="chart scroll"), tag("p", note, class_="note"))


def _missing(document: AssessedTable) -> Markup:
    rows = [column for column in document.columns if column.nulls]
    if not rows or not document.row_count:
        return tag("p", "No cell is empty.") if document.columns else Markup("")
    worst = sorted(rows, key=lambda column: -column.nulls)[:20]
    items = [(column.name, float(column.nulls), percent(column.nulls / document.row_count)) for column in worst]
    return joined(
        tag("h3", "Missing values"),
        tag("div", charts.bars(items, "Share of empty cells by column", 420), class_="chart"),
        cut(len(worst), len(rows), "columns with empty cells"),
    )


def _suitability(document: AssessedTable) -> Markup:
    rows = [(found.task, _chip(found.verdict, "info" if found.verdict != "unsuitable" else "alarm"),
             charts.meter(found.score, f"{found.task}: {percent(found.score)}", 120), percent(found.score),
             "; ".join(fix.detail for fix in found.fixes[:2])) for found in document.suitability]  # fmt: skip
    heads = ("Task", "Verdict", "", "Score", "What would help")
    return table_of("Suitability", heads, rows) if rows else Markup("")


def _column(column: ColumnProfile, rows: int) -> Markup:
    facts = [column.type, f"{percent(column.nulls / rows)} empty" if rows and column.nulls else "no empty cells"]
    if column.distinct:
        facts.append(f"{column.distinct.value:,}{'' if column.distinct.exact else ' or so'} different")
    if column.semantic:
        facts.append(column.semantic.type.replace("_", " "))
    if column.unit:
        facts.append(f"in {column.unit.symbol}")
    personal = _chip(f"personal data: {column.personal.kind.replace('_', ' ')}", "alarm") if column.personal else None
    span = None
    if column.min is not None and column.kind != "text":
        mean = "" if column.mean is None else f", mean {_shown(column.mean)}"
        span = tag("p", f"{_shown(column.min)} to {_shown(column.max)}{mean}", class_="note")
    return tag("article", tag("h4", column.name), tag("p", " · ".join(facts), class_="note"), personal,
               _chart(column), span, class_="card")  # fmt: skip


def _chart(column: ColumnProfile) -> Markup | None:
    histogram = column.histogram
    if histogram is not None and any(histogram.counts):
        edges = [] if histogram.scale == "log" else _numbers(histogram.edges)
        ends = (_shown(histogram.edges[0]), _shown(histogram.edges[-1]))
        title = f"Histogram of {column.name}: {len(histogram.counts)} bins from {ends[0]} to {ends[1]}"
        return charts.histogram(edges, histogram.counts, ends, title)
    if column.personal is not None or column.top is None or not column.top.values or not column.top.basis:
        return None  # of persons the page names no values: it is passed on more easily than the data
    items = [
        (_shown(value.value), float(value.count), percent(value.count / column.top.basis))
        for value in column.top.values[:_TOP]
    ]
    return charts.bars(items, f"Most frequent values of {column.name}")


def _numbers(cells: Sequence[Cell]) -> list[float]:
    """Return edges as numbers, moments as seconds; none where one is neither, and bins are drawn alike."""
    found: list[float] = []
    for cell in cells:
        try:
            number = (
                datetime.fromisoformat(cell).timestamp() if isinstance(cell, str) and "-" in cell[1:] else float(cell)
            )
        except (ValueError, OverflowError, OSError):
            return []
        if not isfinite(number):
            return []
        found.append(number)
    return found


def _shown(cell: Cell | None) -> str:
    return f"{cell:,.6g}" if isinstance(cell, float) else str(cell)


def failures(document: Assessment) -> Markup:
    """Return what could not be made."""
    rows = [(found.section, "" if found.table is None else str(found.table), found.code, escaped(found.detail, 300))
            for found in document.failures[:FINDINGS]]  # fmt: skip
    if not rows:
        return Markup("")
    return section(
        "failures", "What could not be assessed", table_of("Failures", ("Part", "Table", "Code", "Detail"), rows)
    )


def _chip(words: str, kind: str) -> Markup:
    return tag("span", words.replace("_", " "), class_=f"chip {kind}")
