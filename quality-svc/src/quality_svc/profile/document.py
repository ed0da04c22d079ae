"""The profile document: its shape as models, from which the committed JSON Schema is made.

A profile may hold values of the data (minimum, top values); it lives in object storage, never in an event. Numbers are
exact unless the field beside them states an error. A value is a JSON number only where JSON can carry it: integers
beyond 2^53, decimals and everything temporal are text.
"""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

PROFILE_VERSION: Final = "1"
"""Version of the shape and of the definitions below; raised when the meaning of a field changes."""

Kind = Literal[
    "integer", "decimal", "float", "boolean", "text", "date", "timestamp", "time", "binary", "nested", "null"
]
Cell = bool | int | float | str
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """What all parts of the document share: frozen, and unknown fields ignored, so an old reader survives a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Distinct(Part):
    """How many different non-null values there are."""

    value: Count
    exact: bool
    relative_error: float | None = Field(
        default=None, ge=0, description="Where not exact: standard error of `value`, as a share of it"
    )


class Quantile(Part):
    """The smallest value that at least a share `p` of the values do not exceed (nearest rank)."""

    p: Share
    value: Cell


class Quantiles(Part):
    """Quantiles of the `basis` values looked at: of all finite non-null values where `exact`, else of a sample."""

    values: tuple[Quantile, ...]
    basis: Count
    exact: bool
    rank_error: float = Field(
        ge=0, le=1, description="The true rank of each is within `p` +- this, with 99.9 % confidence; 0 where exact"
    )


class TopValue(Part):
    """A frequent value and how often it occurs among the `basis` values looked at."""

    value: Cell
    count: int = Field(ge=1)
    truncated: bool = Field(
        default=False, description="The text shown goes on; longer texts that begin alike are counted apart"
    )


class Top(Part):
    """The most frequent values, most frequent first, ties in the order of the values."""

    values: tuple[TopValue, ...]
    basis: Count
    exact: bool
    share_error: float = Field(
        ge=0, le=1, description="The true share is within count/basis +- this, with 99.9 % confidence; 0 where exact"
    )


class Lengths(Part):
    """Lengths of the non-null values."""

    unit: Literal["characters", "bytes", "elements"]
    min: Count
    max: Count
    mean: float = Field(ge=0)


class ColumnProfile(Part):
    """One column. What does not apply to its kind, or has no value (no rows, all null), is absent."""

    position: int = Field(ge=0, description="Position in the table, from 0")
    name: str
    source_name: str | None = Field(default=None, description="Its name in the original, where that differs")
    type: str = Field(description="Arrow type as text")
    kind: Kind
    count: int = Field(ge=0, description="Non-null cells")
    nulls: Count
    blanks: Count | None = Field(default=None, description="Text that is empty or white space only; not null")
    nan: Count | None = None
    infinite: Count | None = Field(default=None, description="Positive and negative infinities")
    distinct: Distinct | None = Field(default=None, description="NaN counts as one value")
    min: Cell | None = Field(default=None, description="Of the finite values; text is compared by code point, and cut")
    max: Cell | None = None
    mean: Cell | None = Field(
        default=None,
        description="Of the finite values, in double precision: off by at most count * 2^-53 * the largest magnitude; "
        "absent where magnitudes exceed 1e140; text where the kind is temporal",
    )
    sd: float | None = Field(
        default=None, ge=0, description="Sample standard deviation (n - 1); in seconds where the kind is temporal"
    )
    quantiles: Quantiles | None = None
    top: Top | None = None
    lengths: Lengths | None = None


class ColumnShare(Part):
    """How many of a column's items are good, of those that a measure evaluated."""

    position: Count
    numerator: Count
    denominator: Count


class ScoredMeasure(Part):
    """A measure X = A/B over a scope. B = 0 is not measured, and then there is no score."""

    name: str
    dimension: str = Field(description="As ISO/IEC 25012 names it")
    definition: str = Field(description="Version of the measure's definition")
    numerator: Count
    denominator: Count
    eligible: Count | None = Field(default=None, description="Items in scope, whether or not they could be evaluated")
    score: Share | None = None
    coverage: Share | None = Field(
        default=None, description="Share of what is in scope that could be evaluated; absent where nothing is in scope"
    )
    reason: str | None = Field(default=None, description="Why nothing was measured: a code")
    query: str | None = Field(
        default=None,
        description="DuckDB SQL over the relation `data`: one row (row, column) for each item that lowers the score",
    )
    columns: tuple[ColumnShare, ...] = Field(default=(), description="The columns that fall short")


class TableProfile(Part):
    """One table and every column of it."""

    table_id: UUID
    index: Count
    name: str
    row_count: Count
    column_count: Count
    columns: tuple[ColumnProfile, ...]
    measures: tuple[ScoredMeasure, ...] = ()


class Engine(Part):
    """What computed the profile."""

    name: str
    version: str


class ProfileDocument(Part):
    """The profile of a version: every table of it, and its measures over all tables."""

    profile: Literal["1"] = Field(description="Version of this shape")
    dataset_id: UUID
    run_id: UUID
    assessment_id: UUID
    engine: Engine
    tables: tuple[TableProfile, ...]
    measures: tuple[ScoredMeasure, ...] = ()
    overall: Share | None = None
    weights: str = Field(default="1", description="Version of the weights that made `overall`")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = ProfileDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
