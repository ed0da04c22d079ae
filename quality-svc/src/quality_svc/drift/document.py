"""The drift document: what changed between two versions, with the effect, the threshold and where that comes from.

It may name categories of the data, so it is a document with the access rights of its dataset, never an event.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

DRIFT_VERSION: Final = "1"

Severity = Literal["info", "warning", "critical"]
Kind = Literal[
    "table_added",
    "table_removed",
    "column_added",
    "column_removed",
    "column_renamed",
    "column_retyped",
    "volume",
    "freshness",
    "lost_period",
    "nulls",
    "distribution",
    "new_category",
    "vanished_category",
    "format",
]
Verdict = Literal["stable", "changed", "drifted", "not_compared"]


class Part(BaseModel):
    """What all parts of the document share."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Effect(Part):
    """How large a change is, and what it was measured against. It is an alarm only beyond both limits."""

    metric: str = Field(description="psi, wasserstein, mean_shift, jensen_shannon, share, log_ratio, periods, lag")
    value: float = Field(description="The effect's size, its expectation under no change (its bias) taken off")
    unit: str = Field(description="sd of the old values, nats, bits, a share, a logarithm, periods or days")
    threshold: float = Field(description="What counts as too much")
    threshold_from: Literal["default", "history"] = Field(description="Where the threshold comes from")
    comparisons: int = Field(default=0, ge=0, description="Earlier comparisons of this dataset it was learned from")
    noise: float = Field(
        ge=0,
        description="What chance alone may bring with so few rows, over all that is compared: not taken for change",
    )


class Finding(Part):
    """One change. `warning` and `critical` are alarms; `info` is worth knowing and no more."""

    kind: Kind
    severity: Severity
    column: str | None = Field(default=None, description="The column's name in the new version, else in the old one")
    detail: str = Field(description="What happened, in a sentence")
    effect: Effect | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)

    @property
    def alarms(self) -> bool:
        """Whether someone should look."""
        return self.severity != "info"


class ColumnEffects(Part):
    """Every effect measured on a column, alarming or not: what later thresholds are learned from."""

    column: str
    compared: bool = True
    reason: str | None = Field(default=None, description="Why its distribution is not compared")
    effects: dict[str, float] = Field(default_factory=dict, description="By metric, bias taken off")


class TableDrift(Part):
    """What changed in one table."""

    table: str
    rows_old: int = Field(ge=0)
    rows_new: int = Field(ge=0)
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    columns: tuple[ColumnEffects, ...] = ()


class Drift(Part):
    """What changed from a version to the next, over all tables."""

    drift: Literal["1"] = "1"
    verdict: Verdict
    history: int = Field(default=0, ge=0, description="Earlier versions that thresholds could be learned from")
    tables: tuple[TableDrift, ...] = ()
    findings: tuple[Finding, ...] = Field(default=(), description="About tables as wholes")

    @property
    def alarms(self) -> tuple[tuple[str | None, Finding], ...]:
        """Every alarm with the name of its table."""
        whole = [(None, finding) for finding in self.findings if finding.alarms]
        inside = [(table.table, finding) for table in self.tables for finding in table.findings if finding.alarms]
        return (*whole, *inside)


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """Return the worst that findings amount to."""
    if any(finding.alarms for finding in findings):
        return "drifted"
    return "changed" if findings else "stable"
