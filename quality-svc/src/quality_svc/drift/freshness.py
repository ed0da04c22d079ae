"""How old a table's data are: against how old they used to be when a version came, and against how they went on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Final

from quality_svc.drift.document import Effect, Finding
from quality_svc.drift.signature import ColumnSignature, TableSignature
from quality_svc.drift.thresholds import LEAST_HISTORY, Threshold, learned

_DAY: Final = 86_400.0
_LEAST_DAYS: Final = 1.0


def age_days(moment: str, as_of: datetime) -> float:
    """Return the days from a moment (ISO 8601; UTC where it names no zone) to `as_of`."""
    return (as_of.timestamp() - _seconds(moment)) / _DAY


def freshness_findings(
    versions: Sequence[TableSignature], new: TableSignature, lags: Mapping[str, Sequence[float]]
) -> Iterator[Finding]:
    """Say which columns of moments are older than usual: by age where it is known, else where they stopped going on.

    `versions` are the earlier ones, the old one last. Without history nothing can be said.
    """
    for column in new.columns:
        if column.periods is None or column.periods.last is None:
            continue
        ages = lags.get(column.name, ())
        if len(ages) > LEAST_HISTORY:
            yield from _older(column, ages)
        else:
            yield from _stopped(versions, column)


def _older(column: ColumnSignature, ages: Sequence[float]) -> Iterator[Finding]:
    *before, now = ages
    if min(before) < 0:  # moments of the future: plans, due dates
        return
    usual = median(before)
    threshold = learned(max(2 * usual, _LEAST_DAYS), [age - usual for age in before])
    if now - usual > threshold.limit:
        yield _finding(
            column.name,
            f"the newest value is {now:.1f} days old; usually {usual:.1f}",
            now - usual,
            threshold,
        )


def _stopped(versions: Sequence[TableSignature], column: ColumnSignature) -> Iterator[Finding]:
    newest = [
        _seconds(known.periods.last)
        for table in versions
        for known in table.columns
        if known.name == column.name and known.periods and known.periods.last
    ]
    steps = [(after - before) / _DAY for before, after in pairwise(newest)]
    if len(steps) < LEAST_HISTORY or min(steps) <= 0 or column.periods is None or column.periods.last is None:
        return
    step = (_seconds(column.periods.last) - newest[-1]) / _DAY
    if step <= 0:
        usual = median(steps)
        detail = f"the newest value did not get newer; every version before brought about {usual:.1f} days more"
        yield _finding(column.name, detail, usual - step, Threshold(usual / 2, "history", len(steps)))


def _finding(column: str, detail: str, value: float, threshold: Threshold) -> Finding:
    return Finding(
        kind="freshness",
        severity="warning",
        column=column,
        detail=detail,
        effect=Effect(
            metric="lag",
            value=round(value, 3),
            unit="days",
            threshold=round(threshold.limit, 3),
            threshold_from=threshold.source,
            comparisons=threshold.comparisons,
            noise=0.0,
        ),
    )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
