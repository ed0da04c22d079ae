"""The authorisation matrix: every operation of the OpenAPI document, by everybody, on every kind of dataset."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest

from . import matrix, rules, world

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
PAGE = Path(__file__).parents[3] / "docs" / "access.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"


@pytest.fixture
def inhabited(
    catalog: psycopg.Connection[Any], inbox: Any, make_story: Any, make_reference: Any, make_token: Callable[..., Any]
) -> Iterator[tuple[list[world.Place], dict[str, dict[str, str]]]]:
    """Two institutions and those who ask; what was opened for the answers is closed."""
    logging.getLogger("django.request").disabled = True
    yield world.build(catalog, inbox, make_story, make_reference, make_token)
    logging.getLogger("django.request").disabled = False
    asyncio.run(import_module("catalog_svc.objects").documents.close())
    import_module("catalog_svc.access.principals").verifier.cache_clear()


def test_every_operation_is_in_the_table(catalog_url: str) -> None:
    assert catalog_url
    missing = sorted(set(matrix.operations()) - set(rules.ROWS))
    assert not missing, f"say in ROWS of {rules.__name__} who may do, and what they are answered: {missing}"
    assert not set(rules.ROWS) - set(matrix.operations()), "rows of operations that are no more"


def test_the_page_shows_the_table_as_it_is_tested() -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        shown = f"\n{matrix.as_markdown()}\n"
        PAGE.write_text(f"{before}{BEGIN}{shown}{END}{after}")
    assert shown.strip() == matrix.as_markdown(), "run this test with WRITE_DOCS=1: it writes docs/access.md again"


def test_everybody_is_answered_what_the_table_says_at_one_place_each(inhabited: Any) -> None:
    places, people = inhabited
    check(list(matrix.sample(matrix.questions(places))), people, least=1_000)


@pytest.mark.slow
def test_everybody_is_answered_what_the_table_says_everywhere(inhabited: Any) -> None:
    places, people = inhabited
    check(list(matrix.questions(places)), people, least=4_000)


def check(asked: list[matrix.Question], people: dict[str, dict[str, str]], *, least: int) -> None:
    wrong = [
        f"{question.operation} by {question.who} at {question.place}: {got}, not {question.expected}"
        for question in asked
        if (got := matrix.answered(question, people[question.who])) != question.expected
    ]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(asked)}", *wrong[:120]])
    assert len(asked) > least
