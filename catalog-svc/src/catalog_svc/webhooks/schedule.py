"""When a delivery is tried again, and when it is given up. Pure: times and randomness come in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

GIVE_UP_AFTER: Final = timedelta(days=3)
FIRST_DELAY: Final = timedelta(seconds=5)
FACTOR: Final = 3
LONGEST_DELAY: Final = timedelta(hours=12)
JITTER: Final = 0.2
"""Each delay is this much shorter or longer by chance, so that what failed together does not come again together."""
LONGEST_RETRY_AFTER: Final = timedelta(days=1)
_STEPS: Final = 16

Random = Callable[[], float]
"""Gives numbers from 0 to 1."""


def delay(attempt: int, retry_after: timedelta | None, random: Random) -> timedelta:
    """Return how long to wait after the `attempt`-th failure (from 1): 5 s, 15 s, 45 s ... up to 12 h, with jitter.

    What the receiver asked for by `Retry-After` is waited at least, up to a day.
    """
    steps: int = FACTOR ** min(max(attempt, 1) - 1, _STEPS)
    plain = min(FIRST_DELAY * steps, LONGEST_DELAY)
    spread = plain * (1 + JITTER * (2 * random() - 1))
    return max(spread, min(retry_after, LONGEST_RETRY_AFTER)) if retry_after else spread


def gives_up(began: datetime, now: datetime, wait: timedelta) -> bool:
    """Whether the next attempt would be more than three days after the delivery was asked for."""
    return now + wait > began + GIVE_UP_AFTER


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Return what `Retry-After` (RFC 9110: seconds or a date) asks for; None where it says nothing usable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), int(LONGEST_RETRY_AFTER.total_seconds())))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(timedelta(0), min(date - now, LONGEST_RETRY_AFTER))
