"""What a column is about: hands the distinct values and the names to `quality_svc.semantics`, and shapes the answer."""

from dataclasses import dataclass

from quality_svc.profile.document import Distinct, Kind, Personal, Semantic, Unit
from quality_svc.profile.facts import Facts
from quality_svc.profile.kept import Kept
from quality_svc.profile.plan import ColumnPlan


@dataclass(frozen=True, slots=True)
class Meaning:
    """Semantic type, unit and personal data of a column, as far as known."""

    semantic: Semantic | None = None
    unit: Unit | None = None
    personal: Personal | None = None


def meaning_of(plan: ColumnPlan, kind: Kind, facts: Facts, kept: Kept | None, distinct: Distinct | None) -> Meaning:
    return Meaning()
