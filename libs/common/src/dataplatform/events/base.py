"""What every event type shares, and the value objects that several of them carry."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,63}$")]
"""A stable, documented snake_case code; never free text."""
Text = Annotated[str, StringConstraints(max_length=2000)]
Score = Annotated[float, Field(ge=0, le=1)]
Format = Literal["csv", "xlsx", "xlsm", "xlsb", "xls", "ods", "pdf", "parquet", "archive"]
Timestamp = AwareDatetime


class Value(BaseModel):
    """A part of an event. Unknown fields are ignored on reading, so an old reader survives an added field."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Event(Value):
    """A fact about a dataset.

    Subclasses set `type` (`<noun>.<past participle>.v<N>`), `topic`, and `identity`: the field that names their stream.
    """

    type: ClassVar[str]
    topic: ClassVar[str]
    identity: ClassVar[str]

    dataset_id: UUID

    @property
    def key(self) -> str:
        """Kafka key: all events of a dataset share a partition of their topic."""
        return str(self.dataset_id)

    @property
    def stream(self) -> str:
        """The stream this event belongs to, `<noun>:<id>`."""
        return f"{self.identity.removesuffix('_id')}:{getattr(self, self.identity)}"

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Build the event from its JSON body; raises `pydantic.ValidationError`."""
        return cls.model_validate(data)

    def to_data(self) -> dict[str, Any]:
        """Return the JSON body: plain types only, absent optionals left out."""
        return self.model_dump(mode="json", exclude_none=True)


class ObjectRef(Value):
    """A claim check: where the bytes are, how many, and their hash. Never the bytes themselves."""

    key: str = Field(max_length=1024, description="Key in the platform's object store")
    sha256: Sha256
    size_bytes: int = Field(ge=0)


class Origin(Value):
    """Where in the original a table (or a part that is not one) was found."""

    kind: Literal["file", "sheet", "region", "page", "member", "lines"] = "file"
    name: str | None = Field(default=None, max_length=1024, description="Sheet, member or region name")
    first: int | None = Field(default=None, ge=0, description="First page, row or line, counted from 1")
    last: int | None = Field(default=None, ge=0)
    hidden: bool = False
    member: str | None = Field(default=None, max_length=1024, description="Path inside an archive: data, never a path")
    sheet: str | None = Field(default=None, max_length=255)
    region: str | None = Field(
        default=None, max_length=100, description="Cells of the sheet as A1:F20, or left,bottom,right,top in points"
    )
    confidence: Score | None = Field(
        default=None, description="How sure it is that this is a table, where it was guessed"
    )


class ParseOptions(Value):
    """What a person decides about the reading of a file; what is absent is found in the file itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str | None = Field(default=None, max_length=40, description="An IANA name")
    delimiter: str | None = Field(default=None, min_length=1, max_length=8)
    quote: str | None = Field(default=None, max_length=1, description="Empty: no quoting")
    header_row: int | None = Field(default=None, ge=0, description="Line or sheet row of the header from 1; 0: none")
    sheet: str | None = Field(default=None, max_length=255, description="Only this sheet")
    pages: str | None = Field(default=None, pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$", description="For example 1-3,7")
    types: dict[str, str] = Field(default_factory=dict, description="Arrow type as text by column name; sticky")
    names: dict[str, str] = Field(default_factory=dict, description="New name by column name; sticky")


class Column(Value):
    """One column of a standardized table."""

    name: str
    position: int = Field(ge=0, description="Position in the table, from 0")
    type: str = Field(description="Arrow type as text, for example `int64` or `timestamp[us]`")
    source_name: str | None = None
    nullable: bool = True


class Unextracted(Value):
    """A part of the original that gave no table, and why."""

    origin: Origin
    reason_code: ReasonCode
    detail: Text = ""


class Measure(Value):
    """A quality measure X = A/B over a stated scope; B = 0 means not measured and then `score` is absent."""

    name: str | None = Field(default=None, description="Of the measure; several may be of one dimension")
    dimension: str
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=0)
    score: Score | None = None
    definition: str = Field(default="1", description="Version of the measure's definition")
