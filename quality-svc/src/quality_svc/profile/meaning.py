"""What a column is about: hands names and distinct values to `quality_svc.semantics`, and shapes the answer."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from quality_svc.profile.document import Distinct, Kind, Personal, Semantic, Unit
from quality_svc.profile.facts import Facts
from quality_svc.profile.kept import Kept, KeptNumbers, KeptTexts
from quality_svc.profile.plan import ColumnPlan
from quality_svc.semantics.column import LONGEST, LOOKED_AT, Seen
from quality_svc.semantics.naming import Names
from quality_svc.semantics.personal import personal_data
from quality_svc.semantics.recognizing import recognize
from quality_svc.semantics.units import unit_of

Values = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """Semantic type, unit and personal data of a column, as far as known."""

    semantic: Semantic | None = None
    unit: Unit | None = None
    personal: Personal | None = None


def meaning_of(plan: ColumnPlan, kind: Kind, facts: Facts, kept: Kept | None, distinct: Distinct | None) -> Meaning:
    """Return what a column with values is about, from the beginnings of some of its distinct values, evenly chosen."""
    values = _some(kept)
    numbers = facts.scale is not None and kind in {"integer", "float", "decimal"} and facts.lowest is not None
    places = 10.0 ** (facts.scale.places if facts.scale else 0)
    seen = Seen(
        names=Names.of((plan.name, plan.source_name)),
        kind=kind,
        values=tuple((text[:LONGEST], count) for text, count in values),
        count=facts.count,
        distinct=distinct.value if distinct else 0,
        lowest=float(facts.lowest) / places if numbers else None,
        highest=float(facts.highest) / places if numbers else None,
        mean_length=facts.lengths.mean if facts.lengths else 0.0,
    )
    found = recognize(seen)
    semantic = None
    if found is not None:
        semantic = Semantic(
            type=found.type,
            confidence=round(min(1.0, found.confidence), 3),
            share=None if found.share is None else min(1.0, found.share),
            basis=seen.basis,
            evidence=found.evidence,
            detail=found.detail,
        )
    return Meaning(semantic, unit_of(kind, plan.name, plan.source_name, plan.unit, values), personal_data(seen, found))


def _some(kept: Kept | None) -> Values:
    """Return up to `LOOKED_AT` distinct values as text with their counts, the most frequent first."""
    if isinstance(kept, KeptTexts):
        counts = kept.texts.counts
        chosen = _spread(len(counts))
        texts = kept.texts.values.take(pa.array(chosen)).to_pylist()
        pairs = [(text, count) for text, count in zip(texts, counts[chosen].tolist(), strict=True) if text.strip()]
    elif isinstance(kept, KeptNumbers):
        values, counts = kept.counted()
        chosen = _spread(len(counts))
        pairs = [(str(kept.scale.cell(values[at])), int(counts[at])) for at in chosen]
    else:
        return ()
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))


def _spread(count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Return positions spread evenly over `count`."""
    if count <= LOOKED_AT:
        return np.arange(count)
    return np.arange(LOOKED_AT) * count // LOOKED_AT
