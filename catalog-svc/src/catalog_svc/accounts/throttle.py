"""How often signing in may fail: counted in PostgreSQL, so that every replica of `web` counts together."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from catalog_svc.accounts.models import SignInAttempts
from dataplatform.problems import Problem

WINDOW: Final = timedelta(minutes=15)
LIMIT_PER_NAME: Final = 10
"""For one name from one address."""
LIMIT_PER_ADDRESS: Final = 100

_COUNT: Final = """
INSERT INTO sign_in_attempts AS a (subject, window_started_at, failures) VALUES (%s, %s, 1)
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN a.window_started_at < %s THEN 1 ELSE a.failures + 1 END,
    window_started_at = CASE WHEN a.window_started_at < %s THEN excluded.window_started_at ELSE a.window_started_at END
"""


def check(username: str, address: str, now: datetime) -> None:
    """Raise a 429 problem if too many attempts failed lately."""
    limits = _limits(username, address)
    rows = SignInAttempts.objects.filter(subject__in=limits, window_started_at__gt=now - WINDOW)
    waits = [row.window_started_at + WINDOW - now for row in rows if row.failures >= limits[row.subject]]
    if waits:
        seconds = max(1, int(max(waits).total_seconds()))
        raise Problem(
            "too_many_attempts",
            "Too many failed attempts",
            429,
            f"wait {seconds} seconds before the next attempt",
            headers={"Retry-After": str(seconds)},
        )


def record_failure(username: str, address: str, now: datetime) -> None:
    """Count one failed attempt."""
    with connection.cursor() as cursor:
        for subject in sorted(_limits(username, address)):
            cursor.execute(_COUNT, [subject, now, now - WINDOW, now - WINDOW])


def forget(username: str, address: str) -> None:
    """Start the count of a name anew: its owner has signed in."""
    SignInAttempts.objects.filter(subject=_name_subject(username, address)).delete()


def _name_subject(username: str, address: str) -> str:
    return f"name:{username.lower()[:150]}@{address}"


def _limits(username: str, address: str) -> dict[str, int]:
    return {_name_subject(username, address): LIMIT_PER_NAME, f"address:{address}": LIMIT_PER_ADDRESS}
