"""The SQL that gathers the evidence of a column of text in one pass, and reads it back."""

from collections.abc import Iterator, Sequence

from processing_svc.kinds import DECIMAL, Kind
from processing_svc.text.deciding import Evidence
from processing_svc.text.nulls import spelled_sql, trimmed_sql


def prepared_columns(index: int, kinds: Sequence[Kind]) -> list[str]:
    """Return the columns that `evidence_columns` reads: trimmed text, text without nulls, normal forms."""
    column, text = f"c{index}", f"t{index}"
    return [
        column,
        f"{trimmed_sql(column)} AS {text}",
        f"CASE WHEN {text} IS NOT NULL AND {spelled_sql(text)} THEN NULL ELSE {text} END AS v{index}",
        *(f"{normal.replace('@', f'v{index}')} AS n{index}_{number}" for number, normal in enumerate(_normals(kinds))),
    ]


def evidence_columns(index: int, kinds: Sequence[Kind]) -> list[str]:
    """Return the aggregates over one column of text that `evidence_from` reads."""
    column, text, value = f"c{index}", f"t{index}", f"v{index}"
    normals = _normals(kinds)
    found = [
        f"count({value})",
        f"count({text}) - count({value})",
        f"coalesce(bool_or({column} IS NOT NULL AND {column} IS DISTINCT FROM {text}), false)",
        f"coalesce(bool_or(({value} >= '00' AND {value} < '0:') OR ({value} >= '+' AND {value} < ',')), false)",
        f"coalesce(min(strlen({value})), 0)",
        f"coalesce(max(strlen({value})), 0)",
    ]
    for kind in kinds:
        normal = f"n{index}_{normals.index(kind.normal)}" if kind.normal else value
        accepted = kind.accepts.replace("@", normal)
        found.append(f"count(*) FILTER (WHERE {value} IS NOT NULL AND NOT coalesce({accepted}, false))")
        if kind.hint:
            found.append(f"coalesce({kind.hint.replace('@', value)}, false)")
        if kind.name == DECIMAL.name:
            digits, point = f"ltrim({normal}, '-')", f"strpos(ltrim({normal}, '-'), '.')"
            found.append(f"coalesce(max(CASE WHEN {point} > 0 THEN {point} - 1 ELSE strlen({digits}) END), 0)")
            found.append(f"coalesce(max(CASE WHEN {point} > 0 THEN strlen({digits}) - {point} ELSE 0 END), 0)")
    return found


def evidence_from(answers: Iterator[object], kinds: Sequence[Kind]) -> Evidence:
    """Build the evidence of one column from the values of its `evidence_columns`."""
    values, spelled, padded, identifier, shortest, longest = (next(answers) for _ in range(6))
    refused: dict[Kind, int] = {}
    digits: dict[Kind, tuple[int, int]] = {}
    hints = set()
    for kind in kinds:
        refused[kind] = _number(next(answers))
        if kind.hint and next(answers):
            hints.add(kind)
        if kind.name == DECIMAL.name:
            digits[kind] = _number(next(answers)), _number(next(answers))
    return Evidence(
        _number(values),
        tuple(kind for kind, count in refused.items() if count == 0),
        bool(padded),
        _number(spelled),
        {kind: count for kind, count in refused.items() if count},
        frozenset(hints),
        digits,
        bool(identifier),
        _number(shortest),
        _number(longest),
    )


def _normals(kinds: Sequence[Kind]) -> list[str]:
    return list(dict.fromkeys(kind.normal for kind in kinds if kind.normal))


def _number(answer: object) -> int:
    return int(str(answer))
