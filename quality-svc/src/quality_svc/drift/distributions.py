"""What became of a column's values: nulls, numbers, categories, formats. Each effect against threshold and chance."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from quality_svc.drift.distances import Shares, bin_counts, moved, share_distances
from quality_svc.drift.document import Effect, Finding, Kind
from quality_svc.drift.noise import Chance, all_on_one_side, chi_square_limit, mean_limit, share_limit, standard_error
from quality_svc.drift.signature import Categories, ColumnSignature, Ordered
from quality_svc.drift.thresholds import Threshold, threshold_of

Learned = Mapping[str, Sequence[float]]
"""Effects of a column in earlier comparisons, by metric."""

LEAST_VALUES: Final = 20
"""Values in either version below which a distribution is not compared."""
FREQUENT: Final = 0.02
"""Share from which a category counts by itself where not all are listed."""
_LARGEST_LISTED: Final = 5
_MOST_LISTED: Final = 20
_LEAST_PERIODS: Final = 3
_CALENDAR: Final = re.compile(r"(1[89]|20|21)\d\d(-(Q[1-4]|\d\d(-\d\d)?))?")
_IDENTIFIER_SHARE: Final = 0.9
_NUMBERS: Final = frozenset({"integer", "decimal", "float", "boolean"})


@dataclass(frozen=True, slots=True)
class Measured:
    """An effect, and what may be reported of it."""

    metric: str
    value: float
    noise: float
    beyond_noise: bool
    unit: str
    kind: Kind
    detail: str
    evidence: Mapping[str, object]

    def finding(self, column: str, threshold: Threshold) -> Finding | None:
        """Return the finding, where the effect is beyond both limits."""
        if not self.beyond_noise or abs(self.value) <= threshold.limit:
            return None
        return Finding(
            kind=self.kind,
            severity=threshold.severity(self.value),
            column=column,
            detail=self.detail,
            effect=Effect(
                metric=self.metric,
                value=round(self.value, 6),
                unit=self.unit,
                threshold=round(threshold.limit, 6),
                threshold_from=threshold.source,
                comparisons=threshold.comparisons,
                noise=round(self.noise, 6),
            ),
            evidence=dict(self.evidence),
        )


def not_comparable(old: ColumnSignature, new: ColumnSignature) -> str | None:
    """Return why the distributions of two columns are not compared; None where they are."""
    if min(old.filled, new.filled) < LEAST_VALUES:
        return "too few values"
    if old.sequence and new.sequence:
        return "numbers rows"
    if (old.kind in _NUMBERS) != (new.kind in _NUMBERS):
        return "another type"
    if old.kind in {"date", "timestamp"} or _moved_on(old.categories, new.categories):
        return "time goes on: periods are compared instead"
    if old.ordered is None and old.categories is None and old.lengths is None:
        return "no order, no categories"
    return None


def is_calendar(categories: Categories) -> bool:
    """Whether the values are years, months or days as ISO 8601 writes them, which sort as text."""
    names = categories.counts
    return len(names) >= _LEAST_PERIODS and categories.complete and all(map(_CALENDAR.fullmatch, names))


def _moved_on(old: Categories | None, new: Categories | None) -> bool:
    if old is None or new is None:
        return False
    calendar = is_calendar(old) and is_calendar(new)
    return calendar and (max(new.counts) > max(old.counts) or min(new.counts) < min(old.counts))


def column_effects(old: ColumnSignature, new: ColumnSignature, chance: Chance) -> Iterator[Measured]:
    """Measure everything that can be measured of a column in both versions."""
    yield from _nulls(old, new, chance)
    if not_comparable(old, new):
        if old.categories and new.categories and _moved_on(old.categories, new.categories):
            yield from _one_sided(old.categories, new.categories, "vanished_category", chance)
        return
    if old.ordered and new.ordered and min(old.ordered.basis, new.ordered.basis) >= LEAST_VALUES:
        yield from _numbers(old.ordered, new.ordered, chance)
    if old.categories and new.categories and not _identifies(old):
        yield from _categorical(old.categories, new.categories, chance)
    if old.lengths and new.lengths:
        yield from _lengths(old.lengths, new.lengths, chance)
    if old.shapes and new.shapes:
        yield from _formats(old.shapes, new.shapes, chance)


def findings_of(column: str, effects: Sequence[Measured], learned: Learned) -> Iterator[Finding]:
    """Return the findings of a column: of several that say the same the one furthest beyond its threshold."""
    strongest: dict[Kind, tuple[float, Finding]] = {}
    for effect in effects:
        threshold = threshold_of(effect.metric, learned.get(effect.metric, ()))
        finding = effect.finding(column, threshold)
        if finding is None:
            continue
        excess = abs(effect.value) / threshold.limit
        if finding.kind not in strongest or excess > strongest[finding.kind][0]:
            strongest[finding.kind] = (excess, finding)
    said = any(kind.endswith("_category") for kind in strongest)
    for _, finding in strongest.values():
        # categories that come or go change shares and formats as well: that is one alarm, not three
        follows = finding.effect is not None and finding.effect.metric in {"psi", "jensen_shannon", "shapes", "lengths"}
        yield finding.model_copy(update={"severity": "info"}) if said and follows else finding


def _nulls(old: ColumnSignature, new: ColumnSignature, chance: Chance) -> Iterator[Measured]:
    if not (old.rows and new.rows):
        return
    before, after = old.nulls / old.rows, new.nulls / new.rows
    noise = share_limit((old.nulls + new.nulls) / (old.rows + new.rows), old.rows, new.rows, chance)
    change = after - before
    yield Measured(
        metric="nulls",
        value=change,
        noise=noise,
        beyond_noise=abs(change) > noise,
        unit="share",
        kind="nulls",
        detail=f"{before:.1%} of the cells were empty, {after:.1%} are now",
        evidence={"before": round(before, 6), "after": round(after, 6)},
    )


def _numbers(old: Ordered, new: Ordered, chance: Chance) -> Iterator[Measured]:
    move = moved(old, new)
    limit = mean_limit(old.basis, new.basis, move.spread, move.reach, chance)
    evidence = {"quartiles_before": _quartiles(old), "quartiles_after": _quartiles(new)}
    way = "up" if move.mean_shift > 0 else "down"
    yield Measured(
        metric="mean_shift",
        value=move.mean_shift,
        noise=limit,
        beyond_noise=abs(move.mean_shift) > limit,
        unit="sd",
        kind="distribution",
        detail=f"the values moved {way} by {abs(move.mean_shift):.2f} standard deviations",
        evidence=evidence,
    )
    noise = move.wasserstein_bias + limit
    corrected = max(move.wasserstein - move.wasserstein_bias, 0.0)
    yield Measured(
        metric="wasserstein",
        value=corrected,
        noise=noise,
        beyond_noise=move.wasserstein > noise,
        unit="sd",
        kind="distribution",
        detail=f"values moved by {corrected:.2f} standard deviations on average",
        evidence=evidence,
    )
    shares = share_distances(*bin_counts(old, new))
    if shares is not None:
        yield _psi(shares, chance, standard_error(old.basis, new.basis) ** 2, evidence)


def _quartiles(ordered: Ordered) -> list[float]:
    half = len(ordered.values) / 2
    picked = (round(half / 2), round(half), round(3 * half / 2))
    return [float(f"{ordered.values[min(at, len(ordered.values) - 1)]:.6g}") for at in picked]


def _psi(
    shares: Shares, chance: Chance, error: float, evidence: Mapping[str, object], *, formats: bool = False
) -> Measured:
    kind: Kind = "format" if formats else "distribution"
    limit = chi_square_limit(shares.freedom, chance)
    what = "the formats" if formats else "the shares of the values"
    return Measured(
        metric="shapes" if formats else "psi",
        value=shares.psi,
        noise=max(limit - shares.freedom, 0.0) * error,
        beyond_noise=shares.chi_square > limit,
        unit="nats",
        kind=kind,
        detail=f"{what} changed: population stability index {shares.psi:.2f}",
        evidence=evidence,
    )


def _identifies(column: ColumnSignature) -> bool:
    return (column.distinct or 0) > _IDENTIFIER_SHARE * column.filled


def _categorical(old: Categories, new: Categories, chance: Chance) -> Iterator[Measured]:
    before, after = _aligned(old, new)
    shares = share_distances([*before.values()], [*after.values()])
    if shares is not None:
        evidence = {"largest_changes": _largest(before, after, old.basis, new.basis)}
        error = standard_error(old.basis, new.basis) ** 2
        psi = _psi(shares, chance, error, evidence)
        yield psi
        yield Measured(
            metric="jensen_shannon",
            value=shares.jensen_shannon,
            noise=psi.noise / 8 / 0.693,
            beyond_noise=psi.beyond_noise,
            unit="bits",
            kind="distribution",
            detail=f"the shares of the values changed: Jensen-Shannon divergence {shares.jensen_shannon:.3f} bits",
            evidence=evidence,
        )
    yield from _one_sided(old, new, "vanished_category", chance)
    yield from _one_sided(new, old, "new_category", chance)


def _aligned(old: Categories, new: Categories) -> tuple[dict[str, float], dict[str, float]]:
    """Count both by the same categories; the rest is one more.

    Where a version lists only its most frequent, these are the ones that are frequent in either: what a list leaves out
    is then too little to matter.
    """
    names = dict.fromkeys([*old.counts, *new.counts])
    least = 0.0 if old.complete and new.complete else FREQUENT
    kept = [name for name in names if max(_share(old, name), _share(new, name)) >= least]
    before = {name: _share(old, name) * old.basis for name in kept}
    after = {name: _share(new, name) * new.basis for name in kept}
    # an impossible value as the name of the rest: no cell holds the NUL character
    before["\0"], after["\0"] = max(old.basis - sum(before.values()), 0), max(new.basis - sum(after.values()), 0)
    return before, after


def _share(categories: Categories, name: str) -> float:
    return categories.counts.get(name, categories.unseen) / max(categories.basis, 1)


def _largest(before: Mapping[str, float], after: Mapping[str, float], old: int, new: int) -> list[dict[str, object]]:
    changes = sorted(
        (name for name in before if name != "\0"), key=lambda name: -abs(after[name] / new - before[name] / old)
    )
    return [
        {"value": name, "before": round(before[name] / old, 4), "after": round(after[name] / new, 4)}
        for name in changes[:_LARGEST_LISTED]
    ]


def _one_sided(
    has: Categories, has_not: Categories, kind: Literal["new_category", "vanished_category"], chance: Chance
) -> Iterator[Measured]:
    """Measure the largest category that only one version has; the other may hold as many as its list leaves out."""
    if not (has.basis and has_not.basis) or has_not.unseen > has_not.basis / 100:
        return
    only = [(name, count) for name, count in has.counts.items() if name not in has_not.counts]
    if is_calendar(has) and is_calendar(has_not):  # time goes on: what is before all or after all others came or left
        first, last = min(has_not.counts), max(has_not.counts)
        only = [(name, count) for name, count in only if first < name < last]
    looks = chance.among(len(has.counts))
    certain = {name: max(count - has_not.unseen * has.basis / has_not.basis, 0.0) for name, count in only}
    sure = [
        name for name, count in certain.items() if all_on_one_side(int(count), has.basis, has_not.basis) < looks.alpha
    ]
    if not certain:
        return
    largest = max(sure or certain, key=lambda name: certain[name])
    share = certain[largest] / has.basis
    word = "is new, with" if kind == "new_category" else "is gone; it had"
    others = f"; so are {len(sure) - 1} more" if len(sure) > 1 else ""
    yield Measured(
        metric=kind,
        value=share,
        noise=0.0,
        beyond_noise=bool(sure),
        unit="share",
        kind=kind,
        detail=f"the value {largest[:80]!r} {word} {share:.1%} of the rows{others}",
        evidence={
            "category": largest,
            "categories": sorted(sure, key=lambda name: -certain[name])[:_MOST_LISTED],
            "share": round(sum(certain[name] for name in sure) / has.basis, 6),
        },
    )


def _lengths(old: Ordered, new: Ordered, chance: Chance) -> Iterator[Measured]:
    move = moved(old, new)
    limit = mean_limit(old.basis, new.basis, move.spread, move.reach, chance) + move.wasserstein_bias
    corrected = max(move.wasserstein - move.wasserstein_bias, 0.0)
    yield Measured(
        metric="lengths",
        value=corrected,
        noise=limit,
        beyond_noise=move.wasserstein > limit,
        unit="sd",
        kind="format",
        detail=f"the lengths of the texts moved by {corrected:.2f} standard deviations",
        evidence={"quartiles_before": _quartiles(old), "quartiles_after": _quartiles(new)},
    )


def _formats(old: Categories, new: Categories, chance: Chance) -> Iterator[Measured]:
    before, after = _aligned(old, new)
    shares = share_distances([*before.values()], [*after.values()])
    if shares is not None:
        evidence = {"largest_changes": _largest(before, after, old.basis, new.basis)}
        error = standard_error(old.basis, new.basis) ** 2
        yield _psi(shares, chance, error, evidence, formats=True)
