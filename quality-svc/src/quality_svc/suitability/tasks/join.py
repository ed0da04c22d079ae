"""Join: whether rows of this table can be brought together with those of another.

Gates: a key that is unique for 99 % of the rows of one side; the same type on both. Evidence with another table: the
share of rows that find a partner (containment), of different values that do (no orphans), and that no row is multiplied
(fan-out). Without one: whether this table can be the one side, by uniqueness and completeness of its best key.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from quality_svc.suitability.columns import IDENTIFIER_NAME, Column
from quality_svc.suitability.document import Candidate, Fix, Gate
from quality_svc.suitability.scoring import (
    DIMENSION_WEIGHT,
    EVIDENCE_WEIGHT,
    NO_EVIDENCE,
    Answer,
    Evidence,
    mean_evidence,
)
from quality_svc.suitability.table import Table
from quality_svc.suitability.tasks.interface import Question, rows_gate

UNIQUE: Final = 0.99
MOST_CANDIDATES: Final = 10
MOST_PAIRS: Final = 5
FEWEST_ROWS: Final = 2
KEY_ROLES: Final = frozenset({"identifier", "category", "number", "time"})


@dataclass(frozen=True, slots=True)
class Key:
    """A column as a key in the whole table."""

    column: Column
    rows: int
    filled: int
    distinct: int

    @property
    def uniqueness(self) -> float:
        """Different values per row that has one."""
        return self.distinct / self.filled if self.filled else 0.0

    @property
    def completeness(self) -> float:
        """Share of the rows that have a value."""
        return self.filled / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """Two keys, and how many of the many side's rows and values find a partner."""

    mine: Key
    theirs: Key
    rows_found: float
    values_found: float

    @property
    def unique(self) -> float:
        """Uniqueness of the side that is more so."""
        return max(self.mine.uniqueness, self.theirs.uniqueness)

    @property
    def kept(self) -> float:
        """What a row becomes: 1 where one partner at most is found, 0.5 where two are on average."""
        one = max((self.mine, self.theirs), key=lambda key: key.uniqueness)
        return one.uniqueness


class Join:
    """Bringing tables together: by which column, and what is lost or multiplied."""

    name = "join"

    def judge(self, question: Question) -> Answer:
        """Judge the key given, or the best candidate; with another table where there is one."""
        given = None
        if question.target is not None:
            given = question.table.sample.columns[question.table.position(question.target)]
        gates = [rows_gate(question.table.row_count, FEWEST_ROWS)]
        if not gates[0].passed:
            return self._answer(question, given, gates, NO_EVIDENCE, {}, [], {})
        return self._with_other(question, given, gates) if question.other else self._alone(question, given, gates)

    def _alone(self, question: Question, given: Column | None, gates: list[Gate]) -> Answer:
        keys = [_key(question.table, given)] if given is not None else _keys(question.table)
        if not keys:
            gate = Gate(name="key_unique", passed=False, evidence="no column could be a key", threshold=UNIQUE)
            return self._answer(question, given, [*gates, gate], NO_EVIDENCE, {}, [], {})
        best = keys[0]
        words = f"{best.column.name}: {best.uniqueness:.2%} of its values are no other row's"
        gate = Gate(name="key_unique", passed=best.uniqueness >= UNIQUE, evidence=words,
                    value=best.uniqueness, threshold=UNIQUE)  # fmt: skip
        evidence = mean_evidence({"uniqueness": best.uniqueness, "complete_key": best.completeness})
        candidates = [] if given is not None else [_candidate(key) for key in keys[:MOST_CANDIDATES]]
        return self._answer(question, best.column, [*gates, gate], evidence, _dimensions(best), candidates, {})

    def _with_other(self, question: Question, given: Column | None, gates: list[Gate]) -> Answer:
        other = question.other
        pairs = [] if other is None else _pairs(question.table, other, given)
        typed = bool(pairs)
        words = "no pair of columns has the same type and common values" if not typed else "the types match"
        gates = [*gates, Gate(name="types_match", passed=typed, evidence=words)]
        if other is None or not pairs:
            return self._answer(question, given, gates, NO_EVIDENCE, {}, [], {})
        matches = [_match(question.table, other, mine, theirs) for mine, theirs in pairs]
        best = max(matches, key=lambda one: (one.unique >= UNIQUE, one.rows_found + one.values_found + one.unique))
        words = f"{best.mine.column.name} = {best.theirs.column.name}: unique to {best.unique:.2%} on one side"
        gates.append(Gate(name="key_unique", passed=best.unique >= UNIQUE, evidence=words,
                          value=best.unique, threshold=UNIQUE))  # fmt: skip
        evidence = mean_evidence(
            {"containment": best.rows_found, "no_orphans": best.values_found, "fan_out": best.kept}
        )
        facts = {"other_column": best.theirs.column.name, "orphan_values": 1 - best.values_found}
        candidates = [] if given is not None else [_paired(match) for match in matches]
        return self._answer(question, best.mine.column, gates, evidence, _dimensions(best.mine), candidates, facts)

    def _answer(  # noqa: PLR0917 (what was found, in the order in which it was)
        self,
        question: Question,
        target: Column | None,
        gates: list[Gate],
        evidence: Evidence,
        dimensions: dict[str, float],
        candidates: list[Candidate],
        facts: dict[str, Any],
    ) -> Answer:
        alone = () if question.other else ("no other table was given: judged as the one side of a join",)
        return Answer(
            task=self.name,
            target=None if target is None else target.name,
            gates=tuple(gates),
            evidence=evidence,
            dimensions=dimensions,
            sampled=question.table.sample.sampled,
            seed=question.seed,
            conditions=alone,
            fixes=tuple(_fixes(evidence, dimensions)),
            candidates=tuple(candidates),
            facts=facts,
        )


def _key(table: Table, column: Column) -> Key:
    name = f"c{column.position}"
    ((filled, distinct),) = table.query(
        f"SELECT count({name}), count(DISTINCT hash({name})) FROM {{source}} WHERE {name} IS NOT NULL"
    )
    return Key(column, table.row_count, int(filled), int(distinct))


def _keys(table: Table) -> list[Key]:
    """Return the likeliest keys, best first; the sample says which columns are worth counting."""
    rows = max(1, len(table.sample.rows))
    usable = [column for column in table.sample.columns if column.role in KEY_ROLES and not _has_fractions(column)]
    usable.sort(key=lambda column: (-column.distinct / rows, not IDENTIFIER_NAME.search(column.name), column.position))
    keys = [_key(table, column) for column in usable[:MOST_CANDIDATES]]
    return sorted(keys, key=lambda key: -_likelihood(key))


def _has_fractions(column: Column) -> bool:
    return column.numbers is not None and bool((column.numbers[column.present] % 1).any())


def _likelihood(key: Key) -> float:
    named = 0.2 if IDENTIFIER_NAME.search(key.column.name) else 0.0
    return 0.6 * key.uniqueness + 0.2 * key.completeness + named


def _candidate(key: Key) -> Candidate:
    why = f"{key.uniqueness:.1%} unique, {key.completeness:.1%} filled"
    return Candidate(column=key.column.name, score=_likelihood(key), why=why)


def _paired(match: Match) -> Candidate:
    why = f"with {match.theirs.column.name}: {match.rows_found:.1%} of the rows find a partner"
    return Candidate(column=match.mine.column.name, score=match.rows_found * match.unique, why=why)


def _pairs(table: Table, other: Table, given: Column | None) -> list[tuple[Column, Column]]:
    """Return the pairs of columns of one type that may be keys, by name and by values the samples share."""
    mine = [given] if given is not None else [one for one in table.sample.columns if one.role in KEY_ROLES]
    theirs = [column for column in other.sample.columns if column.role in KEY_ROLES and not _has_fractions(column)]
    found = []
    for one in mine:
        values = _values(one) if not _has_fractions(one) else set()
        for two in theirs:
            if values and _class(one) == _class(two):
                named = _alike(one.name, two.name)
                common = len(values & _values(two)) / len(values)
                unique = max(one.distinct / max(1, one.codes.size), two.distinct / max(1, two.codes.size))
                if common > 0 or named >= 1:
                    found.append((named + common + unique, one, two))
    found.sort(key=lambda pair: -pair[0])
    return [(one, two) for _, one, two in found[:MOST_PAIRS]]


def _values(column: Column) -> set[Any]:
    if column.numbers is not None:
        return set(column.numbers[column.present].tolist())
    return set(column.levels)


def _class(column: Column) -> str:
    """Return what can be compared: numbers with numbers, texts with texts, times with times; as they are stored."""
    if column.role == "time":
        return "time"
    return "text" if column.type in {"string", "large_string", "string_view"} else "number"


def _alike(one: str, two: str) -> float:
    """Return 1 for the same name, 0.5 where one ends with the other (`id`, `customer_id`), else 0."""
    left, right = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (one, two))
    if left == right:
        return 1.0
    return 0.5 if left and right and (left.endswith(right) or right.endswith(left)) else 0.0


def _match(table: Table, other: Table, mine: Column, theirs: Column) -> Match:
    """Count in the whole tables; the many side is the one whose key is less unique."""
    keys = _key(table, mine), _key(other, theirs)
    left, right = (table, mine), (other, theirs)
    many, one = (left, right) if keys[0].uniqueness <= keys[1].uniqueness else (right, left)
    sql = f"""
        WITH many AS (SELECT c{many[1].position} AS value, count(*) AS n FROM {many[0].source()} GROUP BY 1),
             one AS (SELECT DISTINCT c{one[1].position} AS value FROM {one[0].source("u")})
        SELECT count(*), sum(n), count(*) FILTER (found), sum(n) FILTER (found)
        FROM (SELECT n, EXISTS (SELECT 1 FROM one WHERE one.value = many.value) AS found
              FROM many WHERE value IS NOT NULL)
    """
    ((values, rows, values_found, rows_found),) = table.query(sql)
    return Match(*keys, float(rows_found or 0) / max(1.0, float(rows or 0)), float(values_found) / max(1, values))


def _dimensions(key: Key) -> dict[str, float]:
    column = key.column
    tidy = 1.0
    if column.levels and column.numbers is None:
        tidy = sum(level == level.strip() for level in column.levels) / len(column.levels)
    return {"completeness": key.completeness, "tidy_values": tidy}


def _fixes(evidence: Evidence, dimensions: dict[str, float]) -> list[Fix]:
    words = {
        "uniqueness": ("remove_duplicates", "keep one row of each key"),
        "complete_key": ("fill_gaps", "fill the keys that are empty"),
        "containment": ("collect_rows", "add the partners that are missing"),
        "no_orphans": ("settle_orphans", "correct or remove values that have no partner"),
        "fan_out": ("remove_duplicates", "keep one row of each key on the one side"),
        "completeness": ("fill_gaps", "fill the keys that are empty"),
        "tidy_values": ("trim_values", "cut white space around the keys"),
    }
    found = []
    for items, weight in ((evidence.items, EVIDENCE_WEIGHT), (dimensions, DIMENSION_WEIGHT)):
        for name, value in items.items():
            action, detail = words[name]
            found.append(Fix(action=action, detail=detail, gain=weight / len(items) * (1 - value), basis="bound"))
    return found
