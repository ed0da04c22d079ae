"""Forecasting: whether the next values of a series can be told from the ones before.

Gates: a time key; numbers that vary along it; two seasons or more; gaps below 5 %. Evidence: 1 - MASE of the best of
some simple forecasts (see `forecasts`), rolling origin, over the longest series. A table of many series (a panel) is
taken apart; rows that share a time are added up.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from quality_svc.suitability.columns import Column, Floats
from quality_svc.suitability.document import Candidate, Finding, Fix, Gate, Landmark
from quality_svc.suitability.forecasts import FORECASTS, autocorrelation, scaled_errors
from quality_svc.suitability.landmarks import quiet
from quality_svc.suitability.scoring import NO_EVIDENCE, Answer, Evidence, score_of
from quality_svc.suitability.table import Table
from quality_svc.suitability.targets import is_number, number_candidates
from quality_svc.suitability.tasks.interface import Question, rows_gate
from quality_svc.suitability.timelines import (
    MOST_SERIES,
    UNIQUE,
    Steps,
    TimeKey,
    read_series,
    series_columns,
    steps_of,
    time_keys,
)

FEWEST_POINTS: Final = 12
MOST_GAPS: Final = 0.05
SEASONS: Final = 2
FULL_HISTORY: Final = 4
"""Seasons that are called enough."""
SEEN_SEASON: Final = 0.15
"""Autocorrelation from which a season is held to be there."""
ABOVE_MEAN: Final = 1.02
"""How much larger the mean's error must be than the best for the past to tell anything."""
LONGEST_GRID: Final = 200_000
DRAWS: Final = 200
TRIED: Final = 10
"""Longest series that are forecast."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series on an even grid, gaps filled along straight lines."""

    values: Floats
    steps: Steps
    gaps: float
    season: int

    @property
    def expected_season(self) -> int:
        """Return the season seen, or else the shortest that its step usually has: of it, two are needed."""
        return self.season if self.season > 1 else min(self.steps.seasons)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The series of a table: what tells them apart, and the share of rows with a time of their own."""

    key: TimeKey
    keys: tuple[Column, ...]
    own_time: float
    lines: tuple[Line, ...]


class Forecasting:
    """Telling the next values: simple forecasts against the seasonal naive."""

    name = "forecasting"

    def judge(self, question: Question) -> Answer:
        """Judge the target given, or the best candidate."""
        table, columns = question.table, question.table.sample.columns
        given = None if question.target is None else columns[table.position(question.target)]
        keys = [key for key in time_keys(columns) if key.column is not given]
        gates = [rows_gate(table.row_count, FEWEST_POINTS), _key_gate(keys)]
        if not all(gate.passed for gate in gates):
            return self._answer(question, given, gates, None, [])
        candidates = [] if given else _candidates(columns, keys[0])
        target = given if given is not None else (table.sample.named(candidates[0].column) if candidates else None)
        gates.append(_target_gate(target))
        if target is None or not gates[-1].passed:
            return self._answer(question, target, gates, None, candidates)
        timeline = _timeline(table, keys[0], target)
        return self._answer(question, target, [*gates, *_line_gates(timeline)], timeline, candidates)

    def _answer(
        self,
        question: Question,
        target: Column | None,
        gates: list[Gate],
        timeline: Timeline | None,
        candidates: list[Candidate],
    ) -> Answer:
        errors = {} if timeline is None else _errors(timeline)
        evidence, landmarks = _evidence(errors, question.seed)
        dimensions = {} if timeline is None else _dimensions(timeline)
        return Answer(
            task=self.name,
            target=None if target is None else target.name,
            gates=tuple(gates),
            evidence=evidence,
            dimensions=dimensions,
            sampled=question.table.sample.sampled,
            seed=question.seed,
            conditions=_conditions(question, evidence, errors),
            fixes=tuple(_fixes(timeline, gates, evidence, dimensions)),
            candidates=tuple(candidates),
            findings=() if timeline is None else tuple(_findings(timeline)),
            landmarks=landmarks,
            facts={} if timeline is None else _facts(timeline),
        )


def _key_gate(keys: list[TimeKey]) -> Gate:
    if keys:
        return Gate(name="time_key", passed=True, evidence=f"{keys[0].column.name} tells when")
    return Gate(name="time_key", passed=False, evidence="no column has times")


def _target_gate(target: Column | None) -> Gate:
    passed = target is not None and is_number(target)
    name = "no column" if target is None else target.name
    words = f"{name} has numbers that vary" if passed else f"{name} has no numbers that vary"
    return Gate(name="target_varies", passed=passed, evidence=words)


def _candidates(columns: tuple[Column, ...], key: TimeKey) -> list[Candidate]:
    others = [column for column in columns if column.position != key.column.position and column.role == "number"]
    return number_candidates(others)


def _timeline(table: Table, key: TimeKey, target: Column) -> Timeline:
    others = [column for column in table.sample.columns if column.position != target.position]
    keys, own = series_columns(table, key, others)
    series = read_series(table, key, keys, target)
    with quiet():
        lines = [_line(moments, values, key) for moments, values in series if moments.size >= FEWEST_POINTS]
    return Timeline(key, keys, own, tuple(line for line in lines if line is not None))


def _line(moments: Floats, values: Floats, key: TimeKey) -> Line | None:
    """Put a series on its grid, add up what shares a slot, fill gaps; None where the grid would be endless."""
    steps = steps_of(moments, ordinal=key.ordinal)
    slots = steps.slots - steps.slots[0]
    size = int(slots.max(initial=0)) + 1
    if not FEWEST_POINTS // 2 <= size <= LONGEST_GRID:
        return None
    sums, counts = np.bincount(slots, values, size), np.bincount(slots, minlength=size)
    known = np.flatnonzero(counts)
    filled = np.interp(np.arange(size), known, sums[known])
    return Line(filled, steps, 1 - known.size / size, _season(filled, steps))


def _season(values: Floats, steps: Steps) -> int:
    """Return the season seen best, of the usual ones that fit twice; 1 where none is seen."""
    fitting = [season for season in steps.seasons if season > 1 and SEASONS * season <= values.size]
    change = np.diff(values)
    strength, season = max(((autocorrelation(change, season), season) for season in fitting), default=(0.0, 1))
    return season if strength >= SEEN_SEASON else 1


def _line_gates(timeline: Timeline) -> list[Gate]:
    if not timeline.lines:
        words = f"no series has {FEWEST_POINTS} values on an even grid"
        return [Gate(name="seasons", passed=False, evidence=words, value=0, threshold=SEASONS)]
    seasons = float(np.median([line.values.size / line.expected_season for line in timeline.lines]))
    gaps = float(np.median([line.gaps for line in timeline.lines]))
    first = timeline.lines[0]
    return [
        Gate(
            name="seasons",
            passed=seasons >= SEASONS,
            evidence=f"{seasons:.1f} seasons of {first.expected_season} steps ({first.steps.unit})",
            value=seasons,
            threshold=SEASONS,
        ),
        Gate(
            name="gaps",
            passed=gaps < MOST_GAPS,
            evidence=f"{gaps:.1%} of the steps have no value",
            value=gaps,
            threshold=MOST_GAPS,
        ),
    ]


def _errors(timeline: Timeline) -> dict[str, Floats]:
    """Return the MASE of each forecast over all series and origins."""
    with quiet():
        found = [scaled_errors(line.values, line.season) for line in timeline.lines[:TRIED]]
    return {name: np.concatenate([one[name] for one in found] or [np.zeros(0)]) for name in FORECASTS}


def _evidence(errors: dict[str, Floats], seed: int) -> tuple[Evidence, tuple[Landmark, ...]]:
    means = {name: float(one.mean()) for name, one in errors.items() if one.size}
    if not means:
        return NO_EVIDENCE, ()
    best = min(means, key=lambda name: means[name])
    draws = np.random.default_rng([seed, 6])
    size = errors[best].size
    spread = np.quantile([errors[best][draws.integers(0, size, size)].mean() for _ in range(DRAWS)], [0.05, 0.95])
    total, high, low = (float(np.clip(1 - value, 0, 1)) for value in (means[best], *spread))
    landmarks = tuple(Landmark(model=name, score=1 - mean) for name, mean in means.items())
    return Evidence(total, min(low, total), max(high, total), "origins and series drawn again"), landmarks


def _dimensions(timeline: Timeline) -> dict[str, float]:
    lines = timeline.lines
    if not lines:
        return {}
    history = [
        min(1.0, line.values.size / max(FULL_HISTORY * line.expected_season, 4 * FEWEST_POINTS)) for line in lines
    ]
    return {
        "completeness": float(np.mean([1 - line.gaps for line in lines])),
        "regularity": float(np.mean([line.steps.regularity for line in lines])),
        "uniqueness": min(1.0, timeline.own_time),
        "history": float(np.mean(history)),
    }


def _conditions(question: Question, evidence: Evidence, errors: dict[str, Floats]) -> tuple[str, ...]:
    found = [] if question.target is not None else ["no target was given: the likeliest candidate was judged"]
    means = {name: float(one.mean()) for name, one in errors.items() if one.size}
    if means and means["mean"] <= ABOVE_MEAN * min(means.values()):
        found.append("no forecast is better than the mean of the past")
    if evidence.low <= 0:
        found.append("no forecast may be better than repeating the last season")
    return tuple(found)


def _fixes(timeline: Timeline | None, gates: list[Gate], evidence: Evidence, dimensions: dict[str, float]) -> list[Fix]:
    if timeline is None or not timeline.lines:
        return []
    score = score_of(evidence.total, dimensions, gates_open=all(gate.passed for gate in gates))
    others = all(gate.passed for gate in gates if gate.name != "gaps")
    found = []
    if dimensions["completeness"] < 1:
        gain = score_of(evidence.total, dimensions | {"completeness": 1.0}, gates_open=others) - score
        words = "fill the missing steps (the evidence was found with gaps filled along straight lines)"
        found.append(Fix(action="fill_gaps", detail=words, gain=gain, basis="measured"))
    if dimensions["uniqueness"] < 1:
        gain = score_of(evidence.total, dimensions | {"uniqueness": 1.0}, gates_open=others) - score
        words = "one row per series and time: add up rows that share one (as was done for the evidence)"
        found.append(Fix(action="aggregate", detail=words, gain=gain, basis="measured"))
    if dimensions["history"] < 1:
        opened = all(gate.passed for gate in gates if gate.name != "seasons")
        gain = score_of(evidence.total, dimensions | {"history": 1.0}, gates_open=opened) - score
        words = f"a longer history: {FULL_HISTORY} seasons or more"
        found.append(Fix(action="collect_history", detail=words, gain=gain, basis="bound"))
    return found


def _findings(timeline: Timeline) -> list[Finding]:
    names = tuple(column.name for column in timeline.keys)
    found = [Finding(kind="time_key", columns=(timeline.key.column.name,), detail="tells when")]
    if names:
        many = min(MOST_SERIES, len(timeline.lines))
        found.append(Finding(kind="series", columns=names, detail=f"tell series apart; the longest {many} were read"))
    if timeline.own_time < UNIQUE:
        words = "rows share their time with others and were added up"
        found.append(Finding(kind="shared_times", detail=words, share=1 - timeline.own_time))
    return found


def _facts(timeline: Timeline) -> dict[str, object]:
    facts: dict[str, object] = {
        "time_key": timeline.key.column.name,
        "series_columns": [column.name for column in timeline.keys],
        "series_read": len(timeline.lines),
    }
    if timeline.lines:
        first = timeline.lines[0]
        facts |= {"step": first.steps.unit, "season_steps": first.season, "points": int(first.values.size)}
    return facts
