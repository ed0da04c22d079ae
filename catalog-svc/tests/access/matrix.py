"""Asking every operation of the OpenAPI document, as everybody, about every place; and the table of it for people."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from .rules import ROWS, Row
from .world import OWN, PEOPLE, VISIBILITIES, Place

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_OF_A_PROBLEM: Final = 400


@dataclass(frozen=True)
class Question:
    """One request by one person."""

    operation: str
    who: str
    at: int
    place: str
    path: str
    body: str
    expected: int | str


def operations() -> list[str]:
    """Return the operations that the OpenAPI document has, as the table names them."""
    document = import_module("catalog_svc.api").api.get_openapi_schema()
    return [
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    ]


def questions(places: list[Place]) -> Iterator[Question]:
    """Yield what is to be asked, each once: what is of an institution, or of none, is not asked for every dataset."""
    seen = set()
    for operation in operations():
        for at, place in enumerate(places):
            for who in PEOPLE:
                path, body = _filled(operation, ROWS[operation], place)
                if (operation, who, path, body) not in seen:
                    seen.add((operation, who, path, body))
                    expected = ROWS[operation].rule(who, place) or ROWS[operation].answer
                    yield Question(operation, who, at, place.name, path, body, expected)


def sample(asked: Iterable[Question]) -> Iterator[Question]:
    """Yield every operation by everybody, at one of its places each: the next one with every operation and person."""
    turns = {name: turn for turn, name in enumerate(operations())}
    by_pair: dict[tuple[str, str], list[Question]] = {}
    for question in asked:
        by_pair.setdefault((question.operation, question.who), []).append(question)
    for (operation, who), found in by_pair.items():
        yield found[(turns[operation] + PEOPLE.index(who)) % len(found)]


def _filled(operation: str, row: Row, place: Place) -> tuple[str, str]:
    ids = place.ids | {name: value.format(**place.ids) for name, value in row.ids.items()}
    path = _PARAMETER.sub(lambda found: ids[found[1]], operation.partition(" ")[2])
    query = f"?{row.query.format(**ids)}" if row.query else ""
    return f"/api/v1{path}{query}", json.dumps(_with(row.body, ids))


def _with(said: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(said, Mapping):
        return {name: _with(value, ids) for name, value in said.items()}
    return said.format(**ids) if isinstance(said, str) else said


def answered(question: Question, headers: Mapping[str, str]) -> int | str:
    """Return the status of the answer, or its problem's code where the table names one; nothing is changed."""
    test, transaction = import_module("django.test"), import_module("django.db.transaction")
    method = question.operation.partition(" ")[0]
    client = test.Client(headers=dict(headers), raise_request_exception=False, SERVER_NAME="testserver")
    with transaction.atomic():
        answer = client.generic(
            method, question.path, question.body if method not in {"GET", "DELETE"} else "",
            content_type="application/json",
        )  # fmt: skip
        transaction.set_rollback(True)
    status = int(answer.status_code)
    told = json.loads(answer.content)["code"] if status >= _OF_A_PROBLEM else ""
    answer.close()
    if isinstance(question.expected, str):
        return str(told or status)
    hidden = status == 404 and told != "not_found"
    return str(told) if hidden else status


def as_markdown() -> str:
    """Return the matrix as a table: for each operation, what each person is answered on each kind of dataset."""
    places = [Place(institution, visibility, {}) for institution in (OWN, "foreign") for visibility in VISIBILITIES]
    lines = [f"| operation | {' | '.join(PEOPLE)} |", "|---|" + "---|" * len(PEOPLE)]
    for operation, row in sorted(ROWS.items(), key=lambda found: found[0].partition(" ")[2]):
        cells = (_cell([row.rule(who, place) for place in places]) for who in PEOPLE)
        lines.append(f"| `{operation}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(refusals: list[int | None]) -> str:
    marks = ["+" if found is None else str(found)[-1] for found in refusals]
    return marks[0] if len(set(marks)) == 1 else f"{''.join(marks[:3])} {''.join(marks[3:])}"
