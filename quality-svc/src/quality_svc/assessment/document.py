"""The assessment document: its shape as models, from which the committed JSON Schema is made.

It quotes cells, so it has the access rights of its dataset and lives in object storage or on a person's disk, never in
an event. A section that could not be made is absent and named in `failures`: the others stand.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from quality_svc.anomalies.document import CellAnomaly, LeftOut, RowAnomaly, Series
from quality_svc.contracts.result import ContractResult
from quality_svc.drift.document import Drift
from quality_svc.profile.document import ColumnProfile, ScoredMeasure
from quality_svc.relations.document import Relations
from quality_svc.rules.suggestion import Suggestion
from quality_svc.suitability.document import Suitability

ASSESSMENT_VERSION: Final = "1"

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Section = Literal["profile", "scores", "relations", "anomalies", "suitability", "drift", "contract"]


class Part(BaseModel):
    """What all parts of the document share: frozen, and unknown fields ignored, so an old reader survives a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Failure(Part):
    """A section that could not be made for a table (or at all, where none is named), and why."""

    section: Section
    table: Count | None = Field(default=None, description="Index of the table")
    code: str
    detail: str


class Dimension(Part):
    """A dimension that was measured."""

    dimension: str
    score: Share
    weight: float
    measures: tuple[str, ...]


class Scores(Part):
    """What all measures come to."""

    overall: Share | None = None
    uncapped: Share | None = Field(default=None, description="What `overall` were without failed critical rules")
    dimensions: tuple[Dimension, ...] = ()
    critical_failed: tuple[str, ...] = Field(default=(), description="Critical rules that failed")
    measured: Count = Field(default=0, description="Measures that could be evaluated, of the `registered` ones")
    registered: Count = 0
    weights: str = Field(description="Version of the weights that made `overall`")


class TableCell(CellAnomaly):
    """A cell that is probably wrong, and in which table."""

    table: Count = 0


class TableRow(RowAnomaly):
    """A row that is unlike the others, and in which table."""

    table: Count = 0


class TableSeries(Series):
    """A measure over time, and of which table."""

    table: Count = 0


class TableLeftOut(LeftOut):
    """What was not looked at, and in which table."""

    table: Count = 0


class KindCount(Part):
    """How many cells of a kind were found in a column, shown or not."""

    table: Count
    column: str
    kind: str
    found: int = Field(ge=1)


class Anomalies(Part):
    """What is unusual, over all tables; each names its table (0 is the first)."""

    cells: tuple[TableCell, ...] = Field(default=(), description="By table, most confident first")
    cells_found: Count = Field(default=0, description="Also those that are not shown")
    by_column: tuple[KindCount, ...] = ()
    rows: tuple[TableRow, ...] = Field(
        default=(), description="The most unusual rows; on request every row of every table, in its order"
    )
    series: tuple[TableSeries, ...] = ()
    left_out: tuple[TableLeftOut, ...] = ()


class SuggestedRule(Suggestion):
    """A rule that a steward may accept, and how a contract writes it."""

    column: str | None = Field(default=None, description="The property that the clause belongs to; absent: the table")
    quality: dict[str, Any] = Field(description="The clause, as an entry of `quality` in ODCS")


class AssessedTable(Part):
    """One table."""

    index: Count
    name: str
    row_count: Count
    column_count: Count
    columns: tuple[ColumnProfile, ...] = ()
    measures: tuple[ScoredMeasure, ...] = ()
    relations: Relations | None = None
    suitability: tuple[Suitability, ...] = ()
    suggestions: tuple[SuggestedRule, ...] = Field(
        default=(), description="Rules that hold here and may hold for the next versions, the most confident first"
    )


class Assessment(Part):
    """What is known about the quality of a file, or of a version of a dataset."""

    assessment: Literal["1"] = ASSESSMENT_VERSION
    name: str = Field(description="Of the file, or of the dataset")
    seed: int = Field(description="Chose every sample")
    scores: Scores | None = None
    measures: tuple[ScoredMeasure, ...] = Field(default=(), description="Over all tables")
    tables: tuple[AssessedTable, ...]
    anomalies: Anomalies = Anomalies()
    contract: ContractResult | None = Field(default=None, description="Whether the tables keep the contract given")
    drift: Drift | None = Field(default=None, description="Against the reference, where one was given")
    failures: tuple[Failure, ...] = ()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = Assessment.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
