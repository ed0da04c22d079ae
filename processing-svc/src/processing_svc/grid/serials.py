"""Serial days become dates, and numbers get the kind that their format shows. One rule for every format of workbook.

Serial days are normalized to 0 = 1899-12-30, so that a day of the 1904 system and a day before March 1900 (Excel
believes in a 29 February 1900) need no further thought.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from processing_svc.grid.cells import Bytes, Floats, Kind

DAYS_1904: Final = 1462
FIRST_MARCH_1900: Final = 61
LAST_DAY: Final = 2_958_465
"""31 December 9999, the last day that a workbook can show."""
EXACT_INTEGER: Final = 2**53
"""Integers up to here are exact in a double, which is how workbooks store every number."""
MILLIS_PER_DAY: Final = 86_400_000
UNIX_EPOCH: Final = 25_569


def typed(numbers: Floats, shown: Bytes, date_1904: bool) -> tuple[Floats, Bytes]:
    """Return numbers and the kind of each, given what its format shows (see `formats.kind_of`)."""
    whole = (numbers == np.floor(numbers)) & (np.abs(numbers) <= EXACT_INTEGER)
    kinds = np.where(whole, np.uint8(Kind.WHOLE), np.uint8(Kind.FRACTION))
    kinds[shown == Kind.PERCENT] = Kind.PERCENT
    money = shown == Kind.CURRENCY
    if money.any():
        kinds[money] = np.where(whole[money], np.uint8(Kind.WHOLE_CURRENCY), np.uint8(Kind.CURRENCY))
    temporal = (shown >= Kind.DATE) & (shown <= Kind.DURATION)
    if temporal.any():
        numbers = numbers.copy()
        numbers[temporal], kinds[temporal] = _temporal(numbers[temporal], shown[temporal], whole[temporal], date_1904)
    return numbers, kinds


def _temporal(days: Floats, shown: Bytes, whole: np.ndarray[tuple[int], np.dtype[np.bool_]], date_1904: bool
              ) -> tuple[Floats, Bytes]:  # fmt: skip
    kinds = shown.copy()
    clock = (days >= 0) & (days < 1)
    timed = (kinds == Kind.DATE) & ~whole
    kinds[timed | (kinds == Kind.TIME)] = Kind.MOMENT
    dated = kinds != Kind.DURATION
    # a fraction of a day is a time of day, whatever the format calls it; a whole 0 shown as a date is day 0
    kinds[dated & clock & (~whole | (shown == Kind.TIME))] = Kind.TIME
    dated &= kinds != Kind.TIME
    shifted = days + DAYS_1904 if date_1904 else np.where(days < FIRST_MARCH_1900 - 1, days + 1, days)
    bad = dated & ((days < 0) | (shifted >= LAST_DAY + 1))
    kinds[bad] = np.where(whole[bad], np.uint8(Kind.WHOLE), np.uint8(Kind.FRACTION))
    return np.where(dated & ~bad, shifted, days), kinds


def millis(days: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return serial days as milliseconds since 1970; a double holds a day's fraction to half a microsecond."""
    return np.rint((days - UNIX_EPOCH) * MILLIS_PER_DAY).astype(np.int64)


_ORIGIN: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook's moments have no zone


def from_iso(text: str) -> tuple[float, Kind]:
    """Return an ISO 8601 date, moment or time as a serial day and its kind; EMPTY for anything else."""
    stripped = text.strip().rstrip("Z")
    try:
        if "T" not in stripped and ":" in stripped and "-" not in stripped:
            return serial(time.fromisoformat(stripped)), Kind.TIME
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return 0.0, Kind.EMPTY
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return serial(moment), Kind.MOMENT if ":" in stripped else Kind.DATE


def serial(value: date | time | timedelta) -> float:
    """Return a date, moment, time of day or duration as a number of days."""
    day = timedelta(days=1)
    if isinstance(value, datetime):
        return (value - _ORIGIN) / day
    if isinstance(value, date):
        return float((value - _ORIGIN.date()).days)
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second,
                         microseconds=value.microsecond) / day  # fmt: skip
    return value / day
