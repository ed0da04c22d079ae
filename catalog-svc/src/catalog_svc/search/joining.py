"""Columns that join with a given one: of other datasets that the caller may see, with what speaks for it.

Candidates are columns of the same name (letters and digits, without accents), or of the same telling semantic type.
The index finds the datasets that have such columns; of those the ones with the best priors are looked at, so the work
is bounded whatever the catalog holds. Values are compared from the profiles that the caller may read anyway, and only
where both profiles show all of a column's values: no value or hash of one is kept here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Assessment, Table
from catalog_svc.search import counting, matching
from catalog_svc.search.counting import measure
from catalog_svc.search.database import Condition, all_of, searching, visible
from catalog_svc.search.language import Asked, Term
from catalog_svc.search.scopes import narrowed
from catalog_svc.search.selecting import edge
from dataplatform.identity import Principal
from dataplatform.problems import Problem

LOOKED_AT: Final = 200
"""Most datasets of each kind of candidates whose columns are looked at."""

UNTELLING: Final = frozenset(
    {"measure", "free_text", "flag", "category", "code", "identifier", "point_in_time", "latitude", "longitude"}
)
"""Semantic types that too many columns have for the type alone to say anything."""

_KINDS: Final = (
    ("number", re.compile(r"u?int|float|double|half|decimal")),
    ("text", re.compile(r"string|utf8|dictionary")),
    ("moment", re.compile(r"date|time")),
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_STRONGEST: Final = """
SELECT dataset_id FROM search_documents WHERE {sql} AND prior >= %s ORDER BY prior DESC, dataset_id DESC LIMIT %s
"""
_KEY: Final = "regexp_replace(search_fold({name}), '[^[:alnum:]]', '', 'g')"
_COLUMNS: Final = f"""
SELECT s.dataset_id, d.title, s.institution_slug, s.version_id, t.table_id, t.name, (c.body ->> 'position')::integer,
       c.body ->> 'name', c.body ->> 'type', e.body ->> 'semantic', (e.body ->> 'distinct')::bigint,
       coalesce((e.body ->> 'unique')::boolean, false), a.profile,
       {_KEY.format(name="c.body ->> 'name'")} = {_KEY.format(name="%s::text")}
FROM search_documents s
JOIN datasets d ON d.dataset_id = s.dataset_id
JOIN tables t ON t.run_id = s.version_id
LEFT JOIN assessments a ON a.run_id = s.version_id AND a.status = 'completed'
CROSS JOIN LATERAL jsonb_array_elements(t.columns) AS c (body)
LEFT JOIN LATERAL (
    SELECT x.body FROM jsonb_array_elements(a.columns) AS x (body)
    WHERE x.body ->> 'table_id' = t.table_id::text AND x.body ->> 'position' = c.body ->> 'position' LIMIT 1
) AS e ON true
WHERE s.dataset_id = ANY (%s)
  AND ({_KEY.format(name="c.body ->> 'name'")} = {_KEY.format(name="%s::text")} OR e.body ->> 'semantic' = %s)
"""


@dataclass(frozen=True)
class Side:
    """A column of the served version of a dataset, and what is known of it."""

    dataset_id: UUID
    title: str
    institution: str
    version_id: UUID
    table_id: UUID
    table: str
    position: int
    name: str
    type: str
    semantic: str | None
    distinct: int | None
    unique: bool
    profile: Mapping[str, Any] | None


@dataclass(frozen=True)
class Pair:
    """A candidate, and what speaks for it. `common`: share of values, where it is known."""

    that: Side
    same_name: bool
    semantic: str | None
    key: str
    distinct_ratio: float | None
    common: float | None = None

    @property
    def score(self) -> float:
        """From 0 to 1: names and meanings, then whether a join would find one row, then values, which outweigh all."""
        said = 0.5 * self.same_name + 0.25 * (self.semantic is not None) + 0.15 * (self.key != "neither")
        said += 0.1 * (self.distinct_ratio or 0.0)
        return round(said if self.common is None else 0.4 * said + 0.6 * self.common, 4)

    def with_values(self, this: Sequence[str] | None, that: Sequence[str] | None) -> "Pair":
        """Return the pair with the share of the smaller side's values that the other has, where both are known."""
        if not this or not that:
            return self
        smaller, larger = sorted((frozenset(this), frozenset(that)), key=len)
        return replace(self, common=len(smaller & larger) / len(smaller))


def candidates(principal: Principal | None, table_id: UUID, position: int) -> tuple[Side, list[Pair]]:
    """Return the column and the columns of other datasets that may join with it, likeliest first; 404 problems."""
    this = _this(selectors.table(principal, table_id), position)
    with searching() as cursor:
        scale = counting.first_level(cursor)
        seen = narrowed(cursor, principal, visible(principal), scale)
        others = all_of(seen, ("dataset_id <> %s AND version_id IS NOT NULL", [this.dataset_id]))
        found: dict[UUID, None] = {}
        for condition in _conditions(cursor, this):
            found |= dict.fromkeys(_strongest(cursor, all_of(condition, others), scale))
        cursor.execute(_COLUMNS, [this.name, list(found), this.name, _telling(this.semantic)])
        pairs = [
            _pair(this, Side(*(*row, _loaded(profile))), same_name=same) for *row, profile, same in cursor.fetchall()
        ]
    pairs = [pair for pair in pairs if _kind(pair.that.type) == _kind(this.type)]
    return this, sorted(pairs, key=lambda pair: (-pair.score, str(pair.that.table_id), pair.that.position))


def _this(table: Table, position: int) -> Side:
    column = next((found for found in table.columns if found["position"] == position), None)
    if column is None:
        raise Problem("not_found", "Not found", 404, "there is no such column")
    assessment = Assessment.objects.filter(run_id=table.run_id, status="completed").first()
    known: Mapping[str, Any] = next(
        (
            one
            for one in (assessment.columns if assessment else [])
            if one["table_id"] == str(table.table_id) and one["position"] == position
        ),
        {},
    )
    return Side(
        table.dataset_id, "", "", table.run_id, table.table_id, table.name, position, column["name"], column["type"],
        known.get("semantic"), known.get("distinct"), bool(known.get("unique")),
        assessment.profile if assessment else None,
    )  # fmt: skip


def _loaded(profile: str | None) -> Any:
    """Return a reference that Django left as it came from the database."""
    return json.loads(profile) if profile else None


def _conditions(cursor: Any, this: Side) -> list[Condition]:
    """Return what documents with such columns have: name and meaning both, then each."""
    name = matching.build(cursor, Asked(((Term(" ".join(_HUMP.split(this.name)), "phrase"),),))).text
    named: Condition | None = ("words @@ %s::tsquery", [name]) if name else None
    semantic = _telling(this.semantic)
    meant: Condition | None = ("marks @> %s::text[]", [[f"semantic={semantic}"]]) if semantic else None
    both = [all_of(named, meant)] if named and meant else []
    return [*both, *(one for one in (named, meant) if one)]


def _strongest(cursor: Any, condition: Condition, scale: int) -> list[UUID]:
    sql, values = condition
    lowest = edge(cursor, condition, measure(cursor, condition, scale))[0]
    cursor.execute(_STRONGEST.format(sql=sql), [*values, lowest, LOOKED_AT])
    return [row[0] for row in cursor.fetchall()]


def _pair(this: Side, that: Side, *, same_name: bool) -> Pair:
    keys = {(True, True): "both", (True, False): "this", (False, True): "that", (False, False): "neither"}
    known = [side.distinct for side in (this, that) if side.distinct]
    same = this.semantic if this.semantic == that.semantic and _telling(this.semantic) else None
    ratio = round(min(known) / max(known), 4) if len(known) > 1 else None
    return Pair(that, same_name, same, keys[this.unique, that.unique], ratio)


def _telling(semantic: str | None) -> str | None:
    return None if semantic in UNTELLING else semantic


def _kind(arrow: str) -> str:
    return next((name for name, pattern in _KINDS if pattern.match(arrow)), arrow)


def all_values(profile: Any, side: Side) -> list[str] | None:
    """Return the values of a column where its profile shows all of them, as text; None where it does not."""
    for table in profile.get("tables", ()):
        if table.get("table_id") != str(side.table_id):
            continue
        column: Mapping[str, Any] = next((one for one in table["columns"] if one["position"] == side.position), {})
        top, distinct = column.get("top") or {}, column.get("distinct") or {}
        values = top.get("values", ())
        if distinct.get("exact") and top.get("exact") and distinct["value"] == len(values):
            return [str(one["value"]) for one in values if not one.get("truncated")]
    return None
