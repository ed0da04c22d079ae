"""How the search asks PostgreSQL: short transactions with the planner's settings that these statements need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection, transaction
from django.db.models import Q

from catalog_svc.access.scope import visible_to
from catalog_svc.datasets.models import SearchDocument
from dataplatform.identity import Principal

Condition = tuple[str, list[Any]]
"""SQL on the columns of `search_documents`, and its parameters."""

# compiling a statement costs more than running it; a bitmap of a common word must not become lossy
_SETTINGS: Final = """
SELECT set_config('jit', 'off', true), set_config('work_mem', '16MB', true), set_config('enable_seqscan', 'off', true)
"""


@contextmanager
def searching() -> Iterator[Any]:
    """Give a cursor in a transaction of its own, in which everything is seen as of one state of each statement."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        yield cursor


def visible(principal: Principal | None) -> Condition:
    """Return the condition on documents that the principal may see: `visible_to`, as SQL."""
    return compiled(visible_to(principal))


def compiled(condition: Q) -> Condition:
    """Return a condition on one row of search documents as SQL; subqueries are allowed, joins are not."""
    query = SearchDocument.objects.filter(condition).query
    compiler = query.get_compiler(connection=connection)
    try:
        compiled, values = compiler.compile(query.where)
    except EmptyResultSet:
        return "false", []
    except FullResultSet:
        return "true", []
    if len(query.alias_map) > 1:
        raise AssertionError("the condition joins other tables: it must be one on one row")
    return compiled, list(values)


def nothing_seen(principal: Principal | None) -> bool:
    """Whether `visible_to` hides nothing from the principal."""
    return visible_to(principal) == Q()


def all_of(*conditions: Condition) -> Condition:
    """Return the condition that all of them hold."""
    return " AND ".join(f"({sql})" for sql, _ in conditions) or "true", [v for _, values in conditions for v in values]
