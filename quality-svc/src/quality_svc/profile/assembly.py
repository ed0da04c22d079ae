"""From what was measured to the column as the document shows it."""

from dataclasses import dataclass

from quality_svc.profile.document import Cell, ColumnProfile, Distinct, Kind
from quality_svc.profile.facts import Facts
from quality_svc.profile.kept import Basis, Kept, KeptNumbers, KeptTexts
from quality_svc.profile.meaning import Meaning, meaning_of
from quality_svc.profile.plan import ColumnPlan, rank_error


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a column's values the profile shows; wide tables show less, so a document stays readable."""

    top_values: int
    text_characters: int

    @classmethod
    def of_width(cls, columns: int) -> "Detail":
        """Return the detail for a table of `columns` columns."""
        if columns <= 200:  # noqa: PLR2004
            return cls(20, 128)
        return cls(10, 64) if columns <= 2000 else cls(3, 32)  # noqa: PLR2004


def assemble(
    plan: ColumnPlan, kind: Kind, facts: Facts, kept: Kept | None, *, row_count: int, detail: Detail
) -> ColumnProfile:
    """Return the profile of a column; `kept` are all of its values, or the sample that its plan says."""
    size = 0 if kept is None else len(kept.values) if isinstance(kept, KeptNumbers) else kept.texts.basis
    basis = Basis(plan.level == 0, 0.0 if plan.level == 0 else rank_error(size))
    numbers = kept if isinstance(kept, KeptNumbers) else None
    texts = kept if isinstance(kept, KeptTexts) else None
    distinct = facts.distinct or _distinct(facts, kept)
    meaning = meaning_of(plan, kind, facts, kept, distinct) if facts.count else Meaning()
    top = (
        numbers.top(basis, detail.top_values)
        if numbers
        else texts.top(basis, detail.top_values, detail.text_characters)
        if texts
        else None
    )
    scale, moments = facts.scale, facts.moments
    return ColumnProfile(
        position=plan.position,
        name=plan.name,
        source_name=plan.source_name,
        type=plan.type,
        kind=kind,
        count=facts.count,
        nulls=row_count - facts.count,
        blanks=facts.blanks,
        nan=facts.nan,
        infinite=facts.infinite,
        distinct=distinct,
        min=_shown(facts, facts.lowest),
        max=_shown(facts, facts.highest),
        mean=scale.mean(moments.mean) if scale and moments else None,
        sd=scale.spread(moments.sd) if scale and moments and moments.sd is not None else None,
        skew=moments.skew if moments else None,
        quantiles=numbers.quantiles(basis) if numbers else None,
        top=top,
        histogram=numbers.histogram(basis, facts.lowest, facts.highest) if numbers else None,
        lengths=facts.lengths,
        patterns=texts.patterns(basis, detail.text_characters) if texts else None,
        semantic=meaning.semantic,
        unit=meaning.unit,
        personal=meaning.personal,
    )


def _shown(facts: Facts, value: object) -> Cell | None:
    if value is None or facts.scale is None:
        return str(value) if value is not None else None
    return facts.scale.cell(value)


def _distinct(facts: Facts, kept: Kept | None) -> Distinct | None:
    """Count the kept values, which are all there are."""
    if facts.count == 0 and facts.scale is None and kept is None:
        return None
    return None if kept is None else Distinct(value=kept.distinct + facts.special, exact=True)
