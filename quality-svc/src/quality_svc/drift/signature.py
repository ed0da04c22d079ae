"""The signature of a version: the little of each column that comparing it with the next version needs.

It holds values of the data (quantiles, categories), so it is a document in object storage, never an event.
"""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from quality_svc.profile.document import Kind

SIGNATURE_VERSION: Final = "1"

PeriodUnit = Literal["hour", "day", "month", "year"]


class Part(BaseModel):
    """What all parts share: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Ordered(Part):
    """The distribution of numbers (or of seconds since 1970, or of lengths): quantiles of `basis` values."""

    basis: int = Field(ge=0)
    probabilities: tuple[float, ...] = Field(description="Rising, within 0 and 1")
    values: tuple[float, ...]


class Categories(Part):
    """How often values occur among `basis` ones; `complete` where none is left out."""

    basis: int = Field(ge=0)
    counts: dict[str, int]
    complete: bool

    @property
    def unseen(self) -> int:
        """The most that a value which is not listed can count."""
        return 0 if self.complete else min(self.counts.values(), default=self.basis)


class Periods(Part):
    """Values by calendar period: a period is its number since 1970-01-01 (of hours, days, months or years)."""

    basis: int = Field(ge=0)
    first: str | None = Field(default=None, description="Earliest moment, ISO 8601")
    last: str | None = None
    counts: dict[PeriodUnit, dict[int, int]] = Field(default_factory=dict)


class ColumnSignature(Part):
    """One column. `nulls` of `rows` rows looked at; `distinct` among the non-null ones of those."""

    name: str
    position: int = Field(ge=0)
    type: str
    kind: Kind
    rows: int = Field(ge=0, description="Rows looked at: all, or a sample")
    nulls: int = Field(ge=0)
    distinct: int | None = None
    sequence: bool = Field(
        default=False, description="Unique and nearly gapless integers: numbers rows, measures nothing"
    )
    ordered: Ordered | None = None
    categories: Categories | None = None
    lengths: Ordered | None = None
    shapes: Categories | None = Field(default=None, description="Formats of text: 9 for digits, a for letters")
    periods: Periods | None = None
    sketch: tuple[int, ...] = Field(
        default=(), description="The smallest hashes of its values, to see one content again"
    )

    @property
    def filled(self) -> int:
        """Non-null cells of the rows looked at."""
        return self.rows - self.nulls


class TableSignature(Part):
    """One table."""

    name: str
    index: int = Field(default=0, ge=0)
    row_count: int = Field(ge=0)
    columns: tuple[ColumnSignature, ...]


class VersionSignature(Part):
    """A version: every table, and when it came about where that is known."""

    signature: Literal["1"] = "1"
    as_of: datetime | None = Field(default=None, description="When the version was made, for how old its data are")
    tables: tuple[TableSignature, ...]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = VersionSignature.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
