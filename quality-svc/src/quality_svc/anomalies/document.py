"""The anomalies of one table: the document's shape as models, from which the committed JSON Schema is made.

Findings quote cells (that is what makes them readable), so a document has the access rights of its dataset and lives in
object storage, never in an event or a log. What was not looked at, or left out, is stated beside what is shown.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

ANOMALIES_VERSION: Final = "1"
"""Version of the shape; raised when the meaning of a field changes."""

CellKind = Literal[
    "pattern",
    "domain",
    "outlier",
    "scale",
    "dependency",
    "typo",
    "missing",
    "variant",
    "format",
    "arithmetic",
    "order",
    "duplicate",
    "cast",
]
SeriesKind = Literal["point", "contextual", "level_shift", "variance_change", "gap"]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """What all parts share: frozen, and unknown fields ignored, so an old reader survives a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CellAnomaly(Part):
    """A cell that is probably wrong, and why."""

    row: int = Field(ge=0, description="Data row of the table, from 0")
    column: str = Field(description="Name of the column in the table")
    source_column: str | None = Field(default=None, description="Its name in the original, where that differs")
    kind: CellKind = Field(description="The strongest reason")
    evidence: str = Field(description="For people, with the numbers it rests on; further reasons after a semicolon")
    suggestion: str | None = Field(default=None, description="What the cell should probably hold; absent where unknown")
    confidence: Share = Field(description="Estimated probability that the cell is wrong, of all reasons together")


class ColumnAnomalies(Part):
    """How many cells of a column were found, shown or not."""

    column: str
    kind: CellKind
    found: int = Field(ge=1)


class ColumnDistance(Part):
    """One reason for a row's score: how far its cell is from the column's bulk."""

    column: str
    z: float = Field(
        description="Robust z of a number, cut at 10; for a category, how many powers of ten it is rarer than the first"
    )


class RowAnomaly(Part):
    """A row that is unlike the others. `explanation` names the columns that are farthest from their bulk."""

    row: int = Field(ge=0, description="Data row of the table, from 0")
    score: Share = Field(description="Share of the table's rows that are less unusual, by the ensemble")
    explanation: tuple[ColumnDistance, ...] = ()


class SeriesAnomaly(Part):
    """A stretch of a series that does not go on as what came before it."""

    column: str
    kind: SeriesKind
    first_row: int = Field(ge=0, description="Data row where it begins, from 0")
    last_row: int = Field(ge=0)
    begins: str = Field(description="Time of the first row, ISO 8601")
    ends: str
    score: Share
    evidence: str
    expected: float | None = Field(default=None, description="What was expected at the most unusual row")
    lower: float | None = Field(default=None, description="Lower bound of what was expected there")
    upper: float | None = None
    observed: float | None = None


class Series(Part):
    """One measure over time. `scores` has a value for every data row on request; causal: no later row counts."""

    column: str
    time_column: str
    step_seconds: float | None = Field(default=None, ge=0, description="Typical distance of two times")
    season: int | None = Field(default=None, ge=2, description="Length of the strongest season, in steps")
    anomalies: tuple[SeriesAnomaly, ...] = ()
    scores: tuple[Share | None, ...] | None = None


class Sampling(Part):
    """How much of the table a part of the document rests on."""

    rows: Count
    of_rows: Count
    method: str = Field(description="`all`, or how the rows were chosen")


class LeftOut(Part):
    """Something that was not looked at or is not shown, and why."""

    what: str
    reason: str


class Anomalies(Part):
    """What is unusual in one version of a table. Empty lists mean looked and not found, unless `left_out` says so."""

    anomalies: Literal["1"] = ANOMALIES_VERSION
    row_count: Count
    column_count: Count
    cells: tuple[CellAnomaly, ...] = Field(default=(), description="Most confident first")
    cells_found: Count = Field(default=0, description="Also those that are not shown")
    by_column: tuple[ColumnAnomalies, ...] = ()
    cell_sampling: Sampling
    rows: tuple[RowAnomaly, ...] = Field(
        default=(), description="The most unusual rows; on request every row of the table, in its order"
    )
    row_sampling: Sampling | None = Field(default=None, description="The rows that the ensemble was trained on")
    series: tuple[Series, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = Anomalies.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
