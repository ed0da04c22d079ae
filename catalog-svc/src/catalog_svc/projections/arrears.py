"""What policies missed: made good when a projector starts and after a rebuild.

Policies look at a dataset when one of its events is applied. A rebuild applies events without them; what came in while
it ran, and would never be touched again, is found here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from catalog_svc.projections import locks, policy, search, writing
from catalog_svc.projections.inbox import passes

_log = structlog.get_logger(__name__)
_DOCUMENTS_AT_ONCE: Final = 500
_OPTIONS: Final = "-c idle_in_transaction_session_timeout=40s"


def catch_up(database_url: str, storage: policy.Storage, clock: Callable[[], datetime]) -> int:
    """Let the policies look at every dataset they have something to do for; return how many those were.

    A dataset that fails is logged and left; raises the errors of a database that is away.
    """
    with psycopg.connect(database_url, autocommit=True, options=_OPTIONS) as connection:
        try:
            with connection.cursor() as cursor:
                waiting = policy.pending(cursor)
        except psycopg.errors.UndefinedTable:
            return 0  # a rebuild will make the tables, and come here afterwards
        for dataset in waiting:
            try:
                with connection.transaction(), connection.cursor() as cursor:
                    locks.lock(cursor, [dataset])
                    writing.follow(cursor, {dataset}, now=clock(), storage=storage)
            except Exception as error:
                if passes(error):
                    raise
                _log.exception("arrears_remain", dataset=str(dataset))
        _documents(connection)
    if waiting:
        _log.info("arrears_made_good", datasets=len(waiting))
    return len(waiting)


def _documents(connection: psycopg.Connection[Any]) -> None:
    """Make the search documents again that another release made, or for other languages."""
    made, before = 0, list[UUID]()
    while True:
        with connection.transaction(), connection.cursor() as cursor:
            found = sorted(search.outdated(cursor, _DOCUMENTS_AT_ONCE))
            if not found or found == before:
                break
            locks.lock(cursor, found)
            writing.refresh(cursor, found, ())
        made, before = made + len(found), found
    if made:
        _log.info("documents_made_again", datasets=made)
