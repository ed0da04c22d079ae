"""The suitability document: its shape as models, from which the committed JSON Schema is made.

It may hold values of the data (names of classes), so it lives in object storage or on a person's screen, never in an
event. How the numbers come about is in `scoring` and in each task's file.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SUITABILITY_VERSION: Final = "1"
"""Version of the shape and of the definitions; scores of different versions must not be compared."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Verdict = Literal["suitable", "conditional", "unsuitable"]


class Part(BaseModel):
    """What all parts of the document share: frozen, and unknown fields ignored, so an old reader survives a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Interval(Part):
    """Where the score would lie with other rows of the same source."""

    low: Share
    high: Share
    level: Share = 0.9
    method: str = Field(description="What was drawn again: rows, folds, origins; `none` where nothing could be")


class Gate(Part):
    """A condition without which the task is not possible; one failed gate makes the table unsuitable."""

    name: str
    passed: bool
    evidence: str = Field(description="What was found, in words")
    value: float | None = Field(default=None, description="The number that decided")
    threshold: float | None = Field(default=None, description="What it was compared with")


class Contribution(Part):
    """What one item adds to the score, and what it could still add. All `points` of a document sum to its score."""

    name: str
    kind: Literal["evidence", "dimension", "gate"]
    value: Share = Field(description="The item's own score")
    weight: float = Field(description="Its share of the score: what it adds at value 1")
    points: float = Field(description="What it adds to the score; what failed gates take away is negative")
    lost: float = Field(ge=0, description="What it would add beyond that, were it perfect")


class Fix(Part):
    """Something to do about the table, and what it should gain."""

    action: str = Field(description="A stable name, for example `drop_columns`")
    detail: str
    columns: tuple[str, ...] = ()
    gain: float = Field(description="Change of the score that is to be expected")
    basis: Literal["measured", "bound"] = Field(
        description="measured: it was tried on the sample; bound: at most this can be gained"
    )


class Candidate(Part):
    """A column that may be the target, the text, the key: best first."""

    column: str
    score: Share
    why: str


class Finding(Part):
    """Something about the table that matters for the task but closes no gate."""

    kind: str
    detail: str
    columns: tuple[str, ...] = ()
    share: Share | None = Field(default=None, description="Of the rows looked at")


class Sampled(Part):
    """What was looked at. Equal `rows` and `of_rows`: everything."""

    rows: Count
    of_rows: Count
    columns: Count
    of_columns: Count
    method: str


class Landmark(Part):
    """What a simple model reached on rows it had not seen; 0 is no better than chance or the mean."""

    model: str
    score: float


class Suitability(Part):
    """The answer for one table and one task."""

    suitability: Literal["1"] = Field(default="1", description="Version of this shape")
    task: str
    target: str | None = Field(default=None, description="The column judged as target, key or text, where there is one")
    verdict: Verdict
    score: Share
    interval: Interval
    gates: tuple[Gate, ...]
    contributions: tuple[Contribution, ...]
    fixes: tuple[Fix, ...] = Field(default=(), description="What gains most comes first")
    candidates: tuple[Candidate, ...] = Field(default=(), description="Where no target was given")
    findings: tuple[Finding, ...] = ()
    landmarks: tuple[Landmark, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict, description="What the task's own page in the docs names")
    sampled: Sampled
    seed: int


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    schema = Suitability.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
