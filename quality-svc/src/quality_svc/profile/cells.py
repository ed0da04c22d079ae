"""From DuckDB's text of a value to the cell the document shows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from quality_svc.profile.document import Cell, Kind

LARGEST_JSON_INTEGER: Final = 2**53 - 1
"""Beyond this, readers that hold JSON numbers as doubles would see another number."""

_SPACED: Final = re.compile(r"^(\d+-\d\d-\d\d) (\d\d:)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MICROSECONDS: Final = 86_400_000_000


def cell(kind: Kind, text: str, *, zoned: bool = False) -> Cell:
    """Return the value that DuckDB wrote as `text`; timestamps become ISO 8601, with `Z` where they are `zoned`."""
    if kind == "integer":
        number = int(text)
        return number if abs(number) <= LARGEST_JSON_INTEGER else text
    if kind == "float":
        return float(text)
    if kind == "boolean":
        return text == "true"
    if kind == "timestamp":
        return _SPACED.sub(r"\1T\2", text) + ("Z" if zoned else "")
    return text


def temporal_mean(kind: Kind, mean: float, *, zoned: bool = False) -> str | None:
    """Return a mean given in days (dates) or microseconds as ISO 8601; None outside the years 1 to 9999."""
    microseconds = mean * _DAY_MICROSECONDS if kind == "date" else mean
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    if kind == "time":
        return moment.time().isoformat()
    return moment.replace(tzinfo=None).isoformat() + ("Z" if zoned else "")


def seconds(kind: Kind, sd: float) -> float:
    """Return a standard deviation given in days (dates) or microseconds in seconds."""
    return sd * 86_400 if kind == "date" else sd / 1_000_000
