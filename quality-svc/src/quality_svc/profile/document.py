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
        ge=0,
        le=1,
        description="The true share of each is within count/basis +- this, with 99.9 % confidence; 0 where exact",
    )


class Lengths(Part):
    """Lengths of the non-null values."""

    unit: Literal["characters", "bytes", "elements"]
    min: Count
    max: Count
    mean: float = Field(ge=0)


class Histogram(Part):
    """How the finite values spread over bins that a person would choose.

    Bin i holds the values from `edges[i]` up to, but not including, `edges[i + 1]`; the last holds its upper edge too.
    Edges of a calendar are the first moments of days, months, years; those of a log scale are 1, 2, 5 times powers of
    ten, with 0 between the signs.
    """

    edges: tuple[Cell, ...] = Field(description="One more than counts, ascending")
    counts: tuple[Count, ...]
    scale: Literal["linear", "log", "calendar"]
    step: str = Field(description="Width of a bin: `5`, `0.1`, `1 month`; of a log scale: `1-2-5`")
    heavy_tailed: bool = Field(
        default=False, description="A few values lie so far out that equal bins would hide the others"
    )
    basis: Count = Field(description="Values counted")
    exact: bool
    share_error: float = Field(
        ge=0,
        le=1,
        description="The true share of values below each edge is within this of the one counted, of all edges at once, "
        "with 99.9 % confidence; a bin's own share within twice this; 0 where exact",
    )


class PatternCount(Part):
    """A pattern and how many of the `basis` values have it."""

    pattern: str
    count: int = Field(ge=1)


class Patterns(Part):
    """Patterns of text by classes of characters, most frequent first.

    `A` stands for an upper-case letter, `a` for a lower-case one, `L` for a letter without case, `9` for a digit; white
    space is one blank; all else stands for itself. `collapsed`: a run of letters or digits is one class and `+`.
    """

    values: tuple[PatternCount, ...]
    distinct: Count = Field(description="Different patterns among the `basis` values")
    collapsed: bool = False
    basis: Count
    exact: bool
    share_error: float = Field(ge=0, le=1, description="As of `Top`")


class Unit(Part):
    """What the numbers of a column count."""

    symbol: str = Field(description="As it is written where it was found, or the usual symbol of a word: `kg`, `°C`")
    quantity: str | None = Field(default=None, description="What it measures: `mass`, `temperature`, `currency`, ...")
    source: Literal["metadata", "name", "values"]


SemanticType = Literal[
    "identifier", "code", "email", "phone", "url", "postal_code", "country", "language", "currency", "latitude",
    "longitude", "iban", "date_part", "category", "free_text", "person_name", "national_id", "payment_card",
    "ip_address", "uuid", "date_of_birth", "address", "city", "flag", "measure", "point_in_time",
]  # fmt: skip


class Semantic(Part):
    """What a column is about, as its name and its values say."""

    type: SemanticType
    confidence: Share = Field(description="A rule of thumb, no probability: 1 is a checksum that every value passes")
    share: Share | None = Field(
        default=None, description="Share of the `basis` values that match; absent where there is nothing to match"
    )
    basis: Count = Field(default=0, description="Non-null cells looked at, the most frequent values first")
    evidence: tuple[Literal["name", "values", "kind"], ...] = ()
    detail: str | None = Field(default=None, description="Which one, for example `iso-3166-1-alpha-2`, `month`, `de`")


class Personal(Part):
    """Data about persons, by kind; never a value of it."""

    kind: Literal[
        "email", "phone", "name", "iban", "payment_card", "national_id", "date_of_birth", "age", "gender", "address",
        "postal_code", "ip_address", "device", "user_name", "location", "health", "belief", "origin", "credentials",
    ]  # fmt: skip
    confidence: Share
    special: bool = Field(default=False, description="Of a special category (GDPR Article 9)")
    detail: str | None = Field(default=None, description="Which one, for example the country of a national number")


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
        description="Of the finite values, in double precision: off by at most count * 2^-52 * the largest magnitude; "
        "absent where magnitudes exceed 1e100; text where the kind is temporal",
    )
    sd: float | None = Field(
        default=None, ge=0, description="Sample standard deviation (n - 1); in seconds where the kind is temporal"
    )
    skew: float | None = Field(
        default=None,
        description="Adjusted Fisher-Pearson coefficient (as of a sample) of all finite values, in double precision; "
        "absent below three values, where all are one, and where magnitudes exceed 1e100",
    )
    quantiles: Quantiles | None = None
    top: Top | None = None
    histogram: Histogram | None = None
    lengths: Lengths | None = None
    patterns: Patterns | None = None
    semantic: Semantic | None = None
    unit: Unit | None = None
    personal: Personal | None = None


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

    table_id: UUID | None = Field(default=None, description="Absent where a file was profiled without any service")
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
    dataset_id: UUID | None = Field(default=None, description="Absent, as the next two, without any service")
    run_id: UUID | None = None
    assessment_id: UUID | None = None
    engine: Engine
    tables: tuple[TableProfile, ...]
    measures: tuple[ScoredMeasure, ...] = ()
    overall: Share | None = None
    weights: str = Field(default="1", description="Version of the weights that made `overall`")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = ProfileDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
