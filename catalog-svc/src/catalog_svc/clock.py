"""The wall clock, named in one place so that everything below the edge takes time as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
