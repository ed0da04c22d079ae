"""What a rule is and what its evaluation says. Pure: nothing here reads a table."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from quality_svc.checks.context import RuleTally

Severity = Literal["info", "warning", "critical"]
State = Literal["passed", "failed", "not_evaluated"]
Scalar = bool | int | float | str
Operator = Literal[
    "must_be",
    "must_not_be",
    "must_be_greater_than",
    "must_be_greater_or_equal_to",
    "must_be_less_than",
    "must_be_less_or_equal_to",
    "must_be_between",
    "must_not_be_between",
]
ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]
MAX_RULES: Final = 2_000
"""Most rules of one dataset."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Condition(_Part):
    """What a number (or, for `must_be` and `must_not_be`, any value) must satisfy; between includes both ends."""

    operator: Operator
    value: Scalar | tuple[float, float] | None

    def holds(self, found: Any) -> bool:
        """Whether `found` satisfies it; nothing that is no number satisfies a comparison."""
        return _holds(self.operator, found, self.value)


class RuleBase(_Part):
    """What every rule has. `id` is made of what the rule demands, so the same demand has the same id everywhere."""

    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=2000)
    severity: Severity = "warning"
    tolerance: float = Field(default=0.0, ge=0, lt=1, description="Share of the evaluated items that may fail")

    @property
    def id(self) -> str:
        """Return `<kind>-<16 hex digits>`."""
        demand = self.model_dump(mode="json", exclude={"name", "description", "severity"})
        digest = hashlib.sha256(json.dumps(demand, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        return f"{demand['kind']}-{digest[:16]}"


class NotNull(RuleBase):
    """Every cell of the column has a value."""

    kind: Literal["not_null"] = "not_null"
    column: ColumnName


class Unique(RuleBase):
    """No two rows have the same values in all of the columns; rows with a null among them are not compared."""

    kind: Literal["unique"] = "unique"
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=64)]


class InRange(RuleBase):
    """Every value lies within the bounds; text bounds are read as values of the column's type."""

    kind: Literal["range"] = "range"
    column: ColumnName
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    exclusive_minimum: Scalar | None = None
    exclusive_maximum: Scalar | None = None


class InSet(RuleBase):
    """Every value is one of these."""

    kind: Literal["set"] = "set"
    column: ColumnName
    values: Annotated[tuple[Scalar, ...], Field(max_length=10_000)]


class Matches(RuleBase):
    """Every value, as text, matches the regular expression as a whole (RE2: no look-around, linear time)."""

    kind: Literal["regex"] = "regex"
    column: ColumnName
    pattern: str = Field(max_length=1000)


class HasLength(RuleBase):
    """Every text (or list) has a length within the bounds, in characters (or elements)."""

    kind: Literal["length"] = "length"
    column: ColumnName
    minimum: int | None = Field(default=None, ge=0)
    maximum: int | None = Field(default=None, ge=0)


class MultipleOf(RuleBase):
    """Every number is a multiple of this one."""

    kind: Literal["multiple_of"] = "multiple_of"
    column: ColumnName
    divisor: float = Field(gt=0)


class RefersTo(RuleBase):
    """Every row's values are found in the columns of another table; rows with a null among them are not compared."""

    kind: Literal["reference"] = "reference"
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=16)]
    table: str = Field(min_length=1, max_length=1000, description="Name of the other table, as the evaluation has it")
    to_columns: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=16)]


class RowCount(RuleBase):
    """The table has so many rows."""

    kind: Literal["row_count"] = "row_count"
    minimum: int | None = Field(default=None, ge=0)
    maximum: int | None = Field(default=None, ge=0)


class Freshness(RuleBase):
    """The newest date or time of the column is not older than this at the reference time."""

    kind: Literal["freshness"] = "freshness"
    column: ColumnName
    max_age_seconds: float = Field(gt=0)


class SqlAssertion(RuleBase):
    """A query over `data` in the engine's SQL: each row it returns is a failure, or its one value meets `condition`."""

    kind: Literal["sql"] = "sql"
    query: str = Field(min_length=1, max_length=20_000)
    condition: Condition | None = None
    seconds: float = Field(default=30.0, gt=0, le=600, description="Wall time it may take")


Rule = Annotated[
    NotNull
    | Unique
    | InRange
    | InSet
    | Matches
    | HasLength
    | MultipleOf
    | RefersTo
    | RowCount
    | Freshness
    | SqlAssertion,
    Field(discriminator="kind"),
]
_RULE: Final[TypeAdapter[Rule]] = TypeAdapter(Rule)
_RULES: Final[TypeAdapter[tuple[Rule, ...]]] = TypeAdapter(Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)])


class Sample(_Part):
    """A failing row (from 0; None where the failure is no row) and the cells that the rule looked at."""

    row: int | None = None
    values: dict[str, Scalar | None] = Field(default_factory=dict)


class RuleResult(_Part):
    """Whether a table keeps a rule. `samples` and `detail` may hold values: for documents, never for events."""

    rule_id: str
    kind: str
    name: str
    severity: Severity
    state: State
    reason: str | None = Field(default=None, description="Why it was not evaluated, or failed as a whole: a code")
    detail: str = Field(default="", max_length=1000)
    columns: tuple[str, ...] = ()
    evaluated: int | None = Field(default=None, ge=0, description="Items looked at")
    failed: int | None = Field(default=None, ge=0, description="Items that break the rule")
    query: str | None = Field(default=None, description="SQL over `data` for the failing (row, column)")
    samples: tuple[Sample, ...] = ()

    def tally(self) -> RuleTally:
        """Return what measures and scores take of it."""
        met = None if self.state == "not_evaluated" else self.state == "passed"
        return RuleTally(self.rule_id, met, critical=self.severity == "critical")


class Surroundings(BaseModel):
    """What rules need beyond the table: when to measure ages at, the parts of other tables by name, past arrivals."""

    model_config = ConfigDict(frozen=True)

    reference_time: datetime | None = None
    tables: dict[str, tuple[Path, ...]] = Field(default_factory=dict)
    arrivals: tuple[datetime, ...] = ()


def rule_of(body: dict[str, Any]) -> Rule:
    """Return a rule from its JSON body; raises `pydantic.ValidationError`."""
    return _RULE.validate_python(body)


def rules_of(bodies: Iterable[dict[str, Any]]) -> tuple[Rule, ...]:
    """Return rules from their JSON bodies, at most `MAX_RULES`; raises `pydantic.ValidationError`."""
    return _RULES.validate_python(tuple(bodies))


def _holds(operator: Operator, found: Any, value: Any) -> bool:
    if operator in {"must_be", "must_not_be"}:
        return _same(found, value) == (operator == "must_be")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    if operator.endswith("between"):
        low, high = sorted(value)
        return bool(low <= found <= high) == (operator == "must_be_between")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    comparisons: dict[str, bool] = {
        "must_be_greater_than": found > value,
        "must_be_greater_or_equal_to": found >= value,
        "must_be_less_than": found < value,
        "must_be_less_or_equal_to": found <= value,
    }
    return comparisons[operator]


def _same(found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    return bool(found == value)
