"""Two versions compared: every sort of change, each against the thresholds that the dataset's history sets."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Final

from dataplatform.engine import EngineLimits
from quality_svc.drift.distributions import Measured, column_effects, findings_of, not_comparable
from quality_svc.drift.document import ColumnEffects, Drift, Effect, Finding, TableDrift, verdict_of
from quality_svc.drift.freshness import age_days, freshness_findings
from quality_svc.drift.from_profile import signature_from_profile
from quality_svc.drift.measuring import measure_signature
from quality_svc.drift.noise import Chance, standard_error
from quality_svc.drift.periods import Loss, lost_periods
from quality_svc.drift.schema import Match, match_columns, schema_findings
from quality_svc.drift.signature import TableSignature, VersionSignature
from quality_svc.drift.thresholds import GROWN, LEAST_HISTORY, SHRUNK, Threshold, learned
from quality_svc.profile.document import ProfileDocument

Version = VersionSignature | ProfileDocument | Sequence[Path]
Effects = dict[str, dict[str, list[float]]]
"""Effects of earlier comparisons: by column, by metric."""

HISTORY: Final = 12
"""Most earlier versions that thresholds are learned from."""


def compare(
    old: Version, new: Version, limits: EngineLimits | None = None, *, history: Sequence[VersionSignature] = ()
) -> Drift:
    """Compare two versions: signatures, profile documents, or the Parquet parts of one table (which need `limits`).

    `history` are the versions before `old`, the earliest first; the last `HISTORY` of them count.
    """
    before, after = signature_of(old, limits), signature_of(new, limits)
    past = list(history)[-HISTORY:]
    pairs, gone, come = _match_tables(before, after)
    tables = tuple(
        compare_tables(
            *pair, [_same_table(version, pair[0]) for version in past], lags=_lags([*past, before, after], pair)
        )
        for pair in pairs
    )
    findings = (
        *(Finding(kind="table_removed", severity="critical", detail=f"the table {name!r} is gone") for name in gone),
        *(Finding(kind="table_added", severity="info", detail=f"the table {name!r} is new") for name in come),
    )
    every = (*findings, *(finding for table in tables for finding in table.findings))
    return Drift(verdict=verdict_of(every), history=len(past), tables=tables, findings=findings)


def signature_of(version: Version, limits: EngineLimits | None) -> VersionSignature:
    """Return the signature of whatever says what a version holds."""
    if isinstance(version, VersionSignature):
        return version
    if isinstance(version, ProfileDocument):
        return VersionSignature(tables=tuple(map(signature_from_profile, version.tables)))
    if limits is None:
        raise ValueError("Parquet parts are read within limits: give them")
    return VersionSignature(tables=(measure_signature(version, limits),))


def compare_tables(
    old: TableSignature,
    new: TableSignature,
    history: Sequence[TableSignature | None] = (),
    *,
    lags: Mapping[str, Sequence[float]] | None = None,
) -> TableDrift:
    """Compare two versions of one table; `lags` are the ages (days) of a column's newest moment, the last for `new`."""
    versions = [table for table in history if table is not None]
    past = _past_effects([*versions, old])
    chance = Chance.over(max(len(old.columns), len(new.columns)))
    matches, gone, come = match_columns(old, new)
    findings = [*schema_findings(matches, gone, come), *_volume([*versions, old], new)]
    effects: list[ColumnEffects] = []
    for match in matches:
        measured = list(column_effects(match.old, match.new, chance))
        effects.append(_effects_of(match, measured))
        findings += findings_of(match.new.name, measured, past.get(match.old.name, {}))
        findings += _times(match, chance)
    findings += freshness_findings([*versions, old], new, lags or {})
    order = {"critical": 0, "warning": 1, "info": 2}
    ranked = tuple(sorted(findings, key=lambda finding: order[finding.severity]))
    return TableDrift(
        table=new.name,
        rows_old=old.row_count,
        rows_new=new.row_count,
        verdict=verdict_of(ranked),
        findings=ranked,
        columns=tuple(effects),
    )


def _effects_of(match: Match, measured: Sequence[Measured]) -> ColumnEffects:
    reason = not_comparable(match.old, match.new)
    return ColumnEffects(
        column=match.new.name,
        compared=reason is None,
        reason=reason,
        effects={metric: round(value, 6) for metric, value in _largest(measured).items()},
    )


def _largest(measured: Sequence[Measured]) -> dict[str, float]:
    """Return the effect of each metric; of a metric measured by category the largest beyond chance."""
    found: dict[str, float] = {}
    for effect in measured:
        categorical = effect.metric.endswith("_category")
        value = effect.value if not categorical or effect.beyond_noise else 0.0
        if effect.metric not in found or abs(value) > abs(found[effect.metric]):
            found[effect.metric] = value
    return found


def _past_effects(versions: Sequence[TableSignature]) -> Effects:
    """Compare every version with the one before it."""
    past: Effects = {}
    if len(versions) <= LEAST_HISTORY:
        return past
    for old, new in pairwise(versions):
        names = {column.name: column for column in new.columns}
        chance = Chance.over(len(new.columns))
        for column in old.columns:
            if column.name in names:
                measured = list(column_effects(column, names[column.name], chance))
                for metric, value in _largest(measured).items():
                    past.setdefault(column.name, {}).setdefault(metric, []).append(value)
    return past


def _volume(versions: Sequence[TableSignature], new: TableSignature) -> Iterator[Finding]:
    """Compare the number of rows with the old version's, and with how it used to grow."""
    old = versions[-1]
    if not old.row_count:
        return
    if not new.row_count:
        yield Finding(kind="volume", severity="critical", detail=f"the table is empty; it had {old.row_count:,} rows")
        return
    change = log(new.row_count / old.row_count)
    steps = [
        log(after.row_count / before.row_count)
        for before, after in pairwise(versions)
        if before.row_count and after.row_count
    ]
    usual = median(steps) if len(steps) >= LEAST_HISTORY else 0.0
    threshold = _volume_threshold(change - usual, [step - usual for step in steps])
    noise = Chance.over(len(new.columns)).two_sided * standard_error(old.row_count, new.row_count)
    if abs(change - usual) <= max(threshold.limit, noise):
        return
    yield Finding(
        kind="volume",
        severity="critical" if change < log(SHRUNK**2) else "warning",
        detail=f"{new.row_count:,} rows; it had {old.row_count:,}"
        + (f", and versions usually have {exp(usual):.2f} times those before" if steps else ""),
        effect=Effect(
            metric="log_ratio",
            value=round(change - usual, 6),
            unit="logarithm",
            threshold=round(threshold.limit, 6),
            threshold_from=threshold.source,
            comparisons=threshold.comparisons,
            noise=round(noise, 6),
        ),
    )


def _volume_threshold(deviation: float, steps: Sequence[float]) -> Threshold:
    default = log(GROWN) if deviation > 0 else -log(SHRUNK)
    return learned(default, steps)


def _times(match: Match, chance: Chance) -> Iterator[Finding]:
    old, new = match.old.periods, match.new.periods
    if old is None or new is None:
        return
    for loss in lost_periods(old, new, chance):
        yield _lost(match.new.name, loss)


def _lost(column: str, loss: Loss) -> Finding:
    first, last = loss.named()
    span = first if first == last else f"{first} to {last}"
    return Finding(
        kind="lost_period",
        severity="critical",
        column=column,
        detail=f"no rows of {span}, where about {loss.expected:,.0f} were to be expected",
        effect=Effect(
            metric="periods",
            value=loss.periods,
            unit=f"{loss.unit}s",
            threshold=0.0,
            threshold_from="default",
            noise=0.0,
        ),
        evidence={"unit": loss.unit, "first": first, "last": last, "expected_rows": round(loss.expected, 1)},
    )


def _match_tables(
    old: VersionSignature, new: VersionSignature
) -> tuple[list[tuple[TableSignature, TableSignature]], list[str], list[str]]:
    """Match tables by name; where each version has one alone, these; else what is left by position."""
    if len(old.tables) == len(new.tables) == 1:
        return [(old.tables[0], new.tables[0])], [], []
    names = {table.name: table for table in new.tables}
    pairs = [(table, names[table.name]) for table in old.tables if table.name in names]
    known = {table.name for table, _ in pairs}
    left = {table.index: table for table in new.tables if table.name not in known}
    for table in old.tables:
        if table.name not in known and table.index in left and _alike(table, left[table.index]):
            pairs.append((table, left.pop(table.index)))
            known.add(table.name)
    return pairs, [table.name for table in old.tables if table.name not in known], [t.name for t in left.values()]


def _alike(old: TableSignature, new: TableSignature) -> bool:
    before, after = {column.name for column in old.columns}, {column.name for column in new.columns}
    return 2 * len(before & after) >= max(len(before), len(after))


def _same_table(version: VersionSignature, wanted: TableSignature) -> TableSignature | None:
    if len(version.tables) == 1:
        return version.tables[0]
    return next((table for table in version.tables if table.name == wanted.name), None)


def _lags(versions: Sequence[VersionSignature], pair: tuple[TableSignature, TableSignature]) -> dict[str, list[float]]:
    """Return by column how old (days) its newest moment was when each version was made, where that is known."""
    lags: dict[str, list[float]] = {}
    for version in versions:
        table = pair[1] if version is versions[-1] else _same_table(version, pair[0])
        if table is None or version.as_of is None:
            continue
        for column in table.columns:
            if column.periods and column.periods.last:
                lags.setdefault(column.name, []).append(age_days(column.periods.last, version.as_of))
    return lags
