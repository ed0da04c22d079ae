"""The way in: one task, all tasks, and the sandbox's target."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dataplatform.engine import EngineLimits
from quality_svc.suitability.document import Suitability
from quality_svc.suitability.scoring import conclude
from quality_svc.suitability.table import Table
from quality_svc.suitability.tasks.interface import Question, task_named, task_names


def judge(
    parts: Sequence[Path],
    limits: EngineLimits,
    task: str,
    target: str | None = None,
    *,
    seed: int,
    as_of: date | None = None,
    other: Sequence[Path] = (),
) -> Suitability:
    """Judge a table (Parquet `parts` in row order) for one task.

    `target`: the column to tell, cluster by, read or join on; without it the best candidate is judged and the verdict
    is at most conditional. `as_of`: the day against which freshness is measured; without it, it is not. `other`: parts
    of the table to join with. Raises `UnknownTaskError`, `UnknownColumnError`, `UnreadableTableError`.
    """
    table = Table(tuple(parts), limits, seed)
    second = Table(tuple(other), limits, seed) if other else None
    return conclude(task_named(task).judge(Question(table, seed, target, as_of, second)))


def judge_all(
    parts: Sequence[Path], limits: EngineLimits, *, seed: int, as_of: date | None = None
) -> tuple[Suitability, ...]:
    """Judge a table for every registered task, in the order of their names; the sample is read once."""
    table = Table(tuple(parts), limits, seed)
    return tuple(conclude(task_named(name).judge(Question(table, seed, None, as_of))) for name in task_names())


def run(argument: dict[str, Any]) -> dict[str, Any]:
    """Judge as the sandbox's target, JSON in and JSON out.

    In: `parts`, `memory_bytes`, `threads`, `scratch`, `task` (absent: all), `target`, `seed`, `as_of` (ISO), `other`
    (parts). Out: `suitability`, a list of documents.
    """
    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    parts = [Path(part) for part in argument["parts"]]
    day = date.fromisoformat(argument["as_of"]) if argument.get("as_of") else None
    seed = int(argument["seed"])
    if argument.get("task") is None:
        answers = judge_all(parts, limits, seed=seed, as_of=day)
    else:
        other = [Path(part) for part in argument.get("other") or ()]
        answers = (judge(parts, limits, argument["task"], argument.get("target"), seed=seed, as_of=day, other=other),)
    return {"suitability": [answer.model_dump(mode="json") for answer in answers]}
