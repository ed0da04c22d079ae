"""The relations document: its shape as models, from which the committed JSON Schema is made.

Columns go by their names in the table, in the order of the table. A number is exact unless the field beside it says it
comes from a sample, and then an interval stands there too. The document may hold values of the data (dates, names of
groups): it lives in object storage, never in an event. `query` fields are SQL (DuckDB) over the table as `data`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RELATIONS_VERSION: Final = "1"
"""Version of the shape and of the definitions below; raised when the meaning of a field changes."""

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Columns = tuple[str, ...]


class Part(BaseModel):
    """What all parts of the document share: frozen, and unknown fields ignored, so an old reader survives a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DuplicateGroup(Part):
    """Rows that are equal: how many, and the numbers of the first of them, from 0."""

    copies: int = Field(ge=2)
    rows: tuple[int, ...]


class Duplicates(Part):
    """Rows that are equal in all of `columns` (null equals null, NaN equals NaN), told by 64-bit hashes."""

    ignored: Columns = Field(
        default=(), description="Columns not compared: the key given, or such whose values the engine cannot read"
    )
    rows: Count = Field(description="Surplus rows: all rows less the different ones")
    share: Share = Field(description="`rows` of all rows")
    groups: Count = Field(description="Different rows that occur more than once")
    rows_in_groups: Count = Field(description="Rows that occur more than once, the first of each counted too")
    largest: tuple[DuplicateGroup, ...] = Field(description="The largest groups, largest first")
    miscount_probability: float = Field(
        ge=0, le=1, description="At most this: that two different rows have one hash, so that `rows` is too high"
    )
    query: str = Field(description="Returns every duplicate row once, with the number of its `copies`")


class Key(Part):
    """Columns whose values together tell rows apart. None of a key's columns can be left out (minimal)."""

    columns: Columns
    exact: bool = Field(description="No violations")
    violations: Count = Field(
        description="Rows that a primary key would refuse: those with a null, and surplus rows of equal values"
    )
    uniqueness: Share = Field(description="1 - violations / rows")
    expected_violations: float | None = Field(
        default=None,
        ge=0,
        description="Of several columns: how many there would be at least were the columns independent. Where this is "
        "small, uniqueness may be chance; approximate keys no better than chance are left out",
    )
    surrogate: bool = Field(
        default=False, description="One column of consecutive integers: it numbers the rows, whatever they say"
    )
    plausible: bool = Field(
        description="The columns look made to identify: neither measurements with fractions nor long text"
    )
    query: str = Field(description="Returns the rows that violate it")


class Keys(Part):
    """Candidate keys, best first. Those of several columns are searched among the `searched` columns only."""

    candidates: tuple[Key, ...]
    searched: Columns
    widest: int = Field(description="Most columns together that were tried")


class Dependency(Part):
    """`determinant` -> `dependent`: rows alike in the first are alike in the second, but for the violations."""

    determinant: Columns
    dependent: str
    rows: Count = Field(description="Rows where no column of it is null: the basis of the numbers here")
    groups: Count = Field(description="Different values of the determinant")
    violations: Count = Field(description="Fewest rows to change for it to hold throughout (g3 times rows)")
    confidence: Share = Field(description="1 - violations / rows (1 - g3; Kivinen and Mannila 1995)")
    held_out: Share = Field(
        description="The same without one row of each group: groups of one row prove nothing, so they do not count"
    )
    lift: float = Field(
        description="How much of the error of guessing the commonest value vanishes: Goodman and Kruskal's lambda"
    )
    query: str = Field(description="Returns the rows of the groups in which it does not hold")


class Dependencies(Part):
    """Functional dependencies, strongest first. Left out: constants, keys, what a shorter determinant explains."""

    found: tuple[Dependency, ...]
    searched: Columns
    sampled_rows: Count = Field(description="Rows on which they were searched; each found was counted on all rows")


class Correlation(Part):
    """How two columns go together, from `n` rows in which both are known."""

    columns: tuple[str, str]
    measure: Literal["pearson", "spearman", "cramers_v", "correlation_ratio"] = Field(
        description="pearson, spearman: -1 to 1; cramers_v: bias-corrected (Bergsma 2013), 0 to 1; correlation_ratio: "
        "eta of the second column's numbers by the first column's categories, bias-corrected, 0 to 1"
    )
    value: float = Field(ge=-1, le=1)
    low: float = Field(ge=-1, le=1, description="Of the 95 % interval")
    high: float = Field(ge=-1, le=1)
    n: Count
    exact: bool = Field(description="`n` are all rows of the table where both are known; else of a sample of them")


class Correlations(Part):
    """The strongest correlations, strongest first."""

    strongest: tuple[Correlation, ...]
    numbers: Columns = Field(
        description="Columns looked at as numbers: moments in time are some, surrogate keys are not"
    )
    categories: Columns = Field(description="Columns looked at as categories")
    examined: Count = Field(description="How many were computed")


class MissingPattern(Part):
    """Rows in which exactly these columns are null."""

    columns: Columns
    rows: Count
    share: Share


class MissingTogether(Part):
    """Two columns and the rows in which they are null."""

    columns: tuple[str, str]
    both: Count
    either: Count
    jaccard: Share = Field(description="both / either")
    phi: float = Field(ge=-1, le=1, description="Correlation of the two being null")


class MissingBy(Part):
    """Nulls of `column` that depend on the values of `by`: it is not missing completely at random."""

    column: str
    by: str
    measure: Literal["spearman", "cramers_v"]
    value: float = Field(ge=-1, le=1, description="Between being null (1) or not (0) and the values of `by`")
    low: float = Field(ge=-1, le=1, description="Of the 95 % interval")
    high: float = Field(ge=-1, le=1)
    n: Count
    exact: bool = Field(description="`n` are all rows where `by` is known; else of a sample of them")


class Missingness(Part):
    """Which cells are null together. Patterns and pairs are counted on all rows, dependence on values on a sample."""

    columns: Columns = Field(description="Columns with nulls that were looked at")
    complete_rows: Count = Field(description="Rows without a null in these columns")
    patterns: tuple[MissingPattern, ...] = Field(description="The most frequent ones, the complete rows left out")
    pattern_count: Count = Field(description="Different patterns, that of the complete rows included if there are any")
    always_together: tuple[Columns, ...] = Field(description="Columns that are null in the very same rows")
    pairs: tuple[MissingTogether, ...] = Field(description="Pairs by the strength of phi, those of one group left out")
    monotone_order: Columns = Field(
        description="Columns by nulls, fewest first; those without a pattern of their own too"
    )
    monotone_share: Share = Field(
        description="Share of the rows with a null in which all later columns of the order are null as well"
    )
    monotone: bool = Field(description="That share is 1: as where subjects leave a study")
    by_values: tuple[MissingBy, ...] = Field(description="Strongest first")


class Gap(Part):
    """Periods without a value, between two that have one."""

    after: str = Field(description="Start of the last period before it, ISO 8601")
    before: str = Field(description="Start of the first period after it")
    periods: int = Field(ge=1, description="How many are missing")


class PanelGroup(Part):
    """One group of a panel by what it misses."""

    value: str
    first: str
    last: str
    periods: Count
    missing: Count = Field(description="Periods without a row between its first and its last")


class Panel(Part):
    """The same subjects seen again and again: `by` and the time together tell rows apart."""

    by: str
    groups: Count
    uniqueness: Share = Field(description="Different pairs of group and period, of the rows where both are known")
    filled: Share = Field(description="Periods with a row, of those between first and last of their group")
    balanced: bool = Field(description="Every group has every period that the column has")
    periods_min: Count
    periods_median: float
    periods_max: Count
    groups_with_gaps: Count
    missing: Count = Field(description="Periods without a row between first and last of their group, all groups")
    worst: tuple[PanelGroup, ...] = Field(description="Groups that miss most")


Unit = Literal["second", "minute", "hour", "day", "weekday", "week", "month", "quarter", "year"]


class TimeCoverage(Part):
    """What a column of dates or timestamps covers; infinite ones are left out."""

    column: str
    first: str
    last: str
    distinct: Count = Field(description="Different moments")
    unit: Unit = Field(
        description="Coarsest unit in which different moments are different periods; `weekday` knows no weekends, "
        "`second` is the finest"
    )
    step: int = Field(ge=1, description="Commonest distance between neighbours, in units")
    regular: Share = Field(description="Share of the distances between neighbours that are one step")
    granularity: str = Field(
        description="In words: `day`, `15 minutes`, `week`; `irregular` where less than half of the distances agree"
    )
    expected: Count = Field(description="Periods from first to last, one each step")
    present: Count = Field(description="Periods with a value")
    missing: Count = Field(description="Periods in gaps; 0 where irregular")
    gap_count: Count
    gaps: tuple[Gap, ...] = Field(description="The longest, longest first")
    panels: tuple[Panel, ...] = ()


class Skipped(Part):
    """What was not looked at, and why."""

    section: Literal["duplicates", "keys", "dependencies", "correlations", "missingness", "coverage"]
    reason: str
    left_out: Count = Field(description="Columns, or candidates, that the reason concerns")


class Relations(Part):
    """The document: facts about one table as a whole."""

    relations: Literal["1"] = Field(default="1", description="Version of this shape")
    row_count: Count
    column_count: Count
    sampled_rows: Count = Field(description="Rows that were searched in memory; all where it equals `row_count`")
    seed: int = Field(description="Chose the sample")
    duplicates: tuple[Duplicates, ...] = Field(
        description="Of whole rows; and, where one column numbers or names the rows, of what they hold beside it"
    )
    keys: Keys
    dependencies: Dependencies
    correlations: Correlations
    missingness: Missingness
    coverage: tuple[TimeCoverage, ...]
    skipped: tuple[Skipped, ...]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = Relations.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
