"""What quality-svc found in a version, as far as descriptions tell of it: from its rows and its profile document."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async

from catalog_svc.datasets.models import Assessment, Examination, Run, Version
from catalog_svc.objects import documents
from dataplatform.events.base import Measure, ObjectRef, Unextracted
from dataplatform.events.quality import Suitability
from dataplatform.problems import Problem

MOST_BYTES: Final = 16 << 20
"""A larger profile is left aside: a description must not take the memory of its process."""


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """What was found in a column. `distinct` only where it was counted exactly."""

    name: str
    count: int
    nulls: int
    distinct: int | None = None
    low: float | None = None
    high: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    personal: str | None = None
    confidence: float = 0
    special: bool = False

    @property
    def unique(self) -> bool:
        """Whether each row has a value of its own."""
        return self.count > 0 and self.nulls == 0 and self.distinct == self.count


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a version. Columns by table and position; none of them where the profile could not be read."""

    quality: float | None = None
    measures: tuple[Measure, ...] = ()
    suitability: tuple[Suitability, ...] = ()
    unextracted: tuple[Unextracted, ...] = ()
    columns: Mapping[UUID, Mapping[int, ColumnFinding]] = field(default_factory=dict)
    run_started_at: datetime | None = None
    run_ended_at: datetime | None = None
    assessed_at: datetime | None = None
    assessment_id: UUID | None = None


async def findings_of(version_id: UUID) -> Findings:
    """Return what is known of a version that the caller has found visible."""
    found, profile = await sync_to_async(_rows)(version_id)
    return found if profile is None else _with_columns(found, await _document(profile))


def _rows(version_id: UUID) -> tuple[Findings, ObjectRef | None]:
    version = Version.objects.filter(pk=version_id).first()
    if version is None:
        return Findings(), None
    run = Run.objects.filter(pk=version.run_id).first()
    assessment = Assessment.objects.filter(run_id=version.run_id, status="completed").first()
    examination = Examination.objects.filter(run_id=version.run_id, status="completed").first()
    suitability = (examination.suitability if examination else None) or version.suitability
    found = Findings(
        quality=version.quality,
        measures=tuple(Measure.model_validate(measure) for measure in version.measures),
        suitability=tuple(Suitability.model_validate(one) for one in suitability),
        unextracted=tuple(Unextracted.model_validate(one) for one in version.unextracted),
        run_started_at=run.started_at if run else None,
        run_ended_at=run.ended_at if run else None,
        assessed_at=assessment.ended_at if assessment else None,
        assessment_id=version.assessment_id,
    )
    kept = assessment.profile if assessment else None
    return found, None if kept is None else ObjectRef.model_validate(kept)


async def _document(reference: ObjectRef) -> Mapping[str, Any]:
    if reference.size_bytes > MOST_BYTES:
        return {}
    try:
        found = await documents.read(reference)
    except (Problem, ValueError):
        return {}  # a description without it is better than none
    return found if isinstance(found, dict) else {}


def _with_columns(found: Findings, profile: Mapping[str, Any]) -> Findings:
    columns = {
        UUID(table["table_id"]): {column["position"]: _column(column) for column in table["columns"]}
        for table in profile.get("tables", ())
        if table.get("table_id")
    }
    return replace(found, columns=columns)


def _column(said: Mapping[str, Any]) -> ColumnFinding:
    distinct, personal = said.get("distinct") or {}, said.get("personal") or {}
    quantiles = (said.get("quantiles") or {}).get("values", ())
    return ColumnFinding(
        name=said["name"],
        count=said["count"],
        nulls=said["nulls"],
        distinct=distinct.get("value") if distinct.get("exact") else None,
        low=_number(said.get("min")),
        high=_number(said.get("max")),
        quantiles={str(one["p"]): number for one in quantiles if (number := _number(one.get("value"))) is not None},
        personal=personal.get("kind"),
        confidence=personal.get("confidence", 0),
        special=bool(personal.get("special")),
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
