"""The audit log: what is in it stays."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import psycopg
import pytest

ACCOUNT = UUID(int=5)


@pytest.fixture
def write(catalog: psycopg.Connection[Any], clock: Callable[[], Any]) -> Callable[..., None]:
    """Write an entry, as a service does."""

    def write(**changes: Any) -> None:
        entry = {
            "by": ACCOUNT,
            "action": "dataset.revised",
            "subject": "dataset",
            "subject_id": UUID(int=9),
            "institution": "demo",
            "now": clock(),
            "correlation_id": UUID(int=1),
        }
        import_module("catalog_svc.audit.services").record(**{**entry, **changes})

    return write


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET by = NULL", "DELETE FROM audit_entries", "TRUNCATE audit_entries"],
    ids=["update", "delete", "truncate"],
)
def test_database_refuses_to_change_an_entry(
    catalog: psycopg.Connection[Any], write: Callable[..., None], statement: str
) -> None:
    # of the wall clock's today: what is older than a year may go
    write(now=import_module("catalog_svc.clock").now())
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        catalog.execute(statement)
    assert catalog.execute("SELECT count(*), min(by::text) FROM audit_entries").fetchone() == (1, str(ACCOUNT))


def test_retention_deletes_what_is_older_than_a_year_and_nothing_younger(
    catalog: psycopg.Connection[Any], write: Callable[..., None]
) -> None:
    services, now = import_module("catalog_svc.audit.services"), import_module("catalog_svc.clock").now()
    write(now=now - timedelta(days=400), action="old.thing")
    write(now=now - timedelta(days=300))
    with pytest.raises(services.RetentionError):
        services.prune(before=now - timedelta(days=300), now=now)
    assert services.prune(before=now - timedelta(days=366), now=now) == 1
    assert catalog.execute("SELECT action FROM audit_entries").fetchall() == [("dataset.revised",)]


def test_details_have_a_limit(write: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match="8 KiB"):
        write(details={"fields": "x" * 9000})
