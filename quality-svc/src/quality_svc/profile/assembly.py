"""From what DuckDB measured to the column as the document shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from quality_svc.profile.cells import cell, seconds, temporal_mean
from quality_svc.profile.distinct import estimate
from quality_svc.profile.document import (
    Cell,
    ColumnProfile,
    Distinct,
    Kind,
    Lengths,
    Quantile,
    Quantiles,
    Top,
    TopValue,
)
from quality_svc.profile.expressions import LARGEST_SQUARED, PROBABILITIES
from quality_svc.profile.plan import ColumnPlan, rank_error

_ZONED: Final = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a column's values the profile shows; wide tables show less, so a document stays readable."""

    top_values: int
    text_characters: int

    @classmethod
    def of_width(cls, columns: int) -> "Detail":
        """Return the detail for a table of `columns` columns."""
        if columns <= 200:  # noqa: PLR2004
            return cls(20, 128)
        return cls(10, 64) if columns <= 2000 else cls(3, 32)  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Column:
    """A column with what DuckDB makes of it."""

    plan: ColumnPlan
    duckdb_type: str
    kind: Kind

    @property
    def zoned(self) -> bool:
        """Whether it holds moments in time rather than readings of a clock."""
        return self.duckdb_type == _ZONED

    def cell(self, text: str) -> Cell:
        """Return a value of the column from DuckDB's text of it."""
        return cell(self.kind, text, zoned=self.zoned)


@dataclass(slots=True)
class Counted:
    """The most frequent of a column's kept values as text, and how many different ones were kept."""

    distinct: int
    top: list[tuple[str, int]]


def assemble(
    column: Column, facts: Mapping[str, Any], counted: Counted | None, row_count: int, detail: Detail
) -> ColumnProfile:
    """Return the profile of a column. `facts` holds the results of `expressions`, by name."""
    count: int = facts["count"]
    nan: int | None = facts.get("nan")
    infinite = count - facts["ordered"] - (nan or 0) if "ordered" in facts else None
    lowest, highest = facts.get("min"), facts.get("max")
    return ColumnProfile(
        position=column.plan.position,
        name=column.plan.name,
        source_name=column.plan.source_name,
        type=column.plan.type,
        kind=column.kind,
        count=count,
        nulls=row_count - count,
        blanks=facts.get("blanks"),
        nan=nan,
        infinite=infinite,
        distinct=_distinct(facts, counted),
        min=None if lowest is None else column.cell(lowest),
        max=None if highest is None else column.cell(highest),
        quantiles=_quantiles(column, facts),
        top=_top(column, facts, counted.top, detail) if counted else None,
        lengths=_lengths(column, facts),
        **_moments(column, facts),
    )


def _distinct(facts: Mapping[str, Any], counted: Counted | None) -> Distinct | None:
    if "distinct" in facts:
        return Distinct(value=facts["distinct"], exact=True)
    if "sketch" in facts:
        value, error = estimate(facts["sketch"] or b"")
        return Distinct(value=min(round(value), facts["count"]), exact=False, relative_error=error)
    if "basis" not in facts:
        return None
    special = bool(facts.get("nan")) + bool(facts.get("rising")) + bool(facts.get("falling"))
    return Distinct(value=(counted.distinct if counted else 0) + special, exact=True)


def _moments(column: Column, facts: Mapping[str, Any]) -> dict[str, Any]:
    mean, sd = facts.get("mean"), facts.get("sd")
    if mean is None or not isfinite(mean) or _has_left_out(column, facts):
        return {}
    if column.kind in {"date", "timestamp", "time"}:
        shown = temporal_mean(column.kind, mean, zoned=column.zoned)
        return {"mean": shown, "sd": None if sd is None else seconds(column.kind, sd)}
    return {"mean": mean, "sd": sd}


def _has_left_out(column: Column, facts: Mapping[str, Any]) -> bool:
    """Whether values were too large to be squared, so the moments are not those of all values."""
    return column.kind == "float" and max(-float(facts["min"]), float(facts["max"])) >= LARGEST_SQUARED


def _quantiles(column: Column, facts: Mapping[str, Any]) -> Quantiles | None:
    found = facts.get("quantiles")
    if not found:
        return None
    basis: int = facts["basis"]
    exact = column.plan.level == 0
    return Quantiles(
        values=tuple(Quantile(p=p, value=column.cell(text)) for p, text in zip(PROBABILITIES, found, strict=True)),
        basis=basis,
        exact=exact,
        rank_error=0.0 if exact else rank_error(basis),
    )


def _top(column: Column, facts: Mapping[str, Any], top: Sequence[tuple[str, int]], detail: Detail) -> Top:
    basis: int = facts["basis"]
    exact = column.plan.level == 0
    cut = column.kind == "text"
    return Top(
        values=tuple(
            TopValue(value=column.cell(text), count=count, truncated=cut and len(text) >= detail.text_characters)
            for text, count in top
        ),
        basis=basis,
        exact=exact,
        share_error=0.0 if exact else rank_error(basis),
    )


def _lengths(column: Column, facts: Mapping[str, Any]) -> Lengths | None:
    if facts.get("shortest") is None:
        return None
    unit = {"text": "characters", "binary": "bytes"}.get(column.kind, "elements")
    return Lengths(unit=unit, min=facts["shortest"], max=facts["longest"], mean=facts["length"])
