"""Parts of dates as numbers or names, dates of birth, and points in time."""

import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen
from quality_svc.semantics.naming import PART
from quality_svc.semantics.registries import calendar_names, folded

_PARTS: Final = (
    ("year", vocabulary.YEAR, 1000, 2200),
    ("quarter", vocabulary.QUARTER, 1, 4),
    ("month", vocabulary.MONTH, 1, 12),
    ("week", vocabulary.WEEK, 0, 53),
    ("weekday", vocabulary.WEEKDAY, 0, 7),
    ("day", vocabulary.DAY, 1, 366),
    ("hour", vocabulary.HOUR, 0, 24),
    ("minute", vocabulary.MINUTE, 0, 60),
)
"""Parts with the range that their numbers must keep."""
_YEARS: Final = (1800, 2100)
_CLOCK: Final = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: ?Z| ?[+-]\d{2}:?\d{2})?)?"
_MONTH: Final = r"[^\W\d_]{3,9}\.?"
_WRITTEN: Final = re.compile(
    r"(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:\d{4}|\d{2})"
    rf"|\d{{1,2}}[-. ]{{1,2}}{_MONTH}[-. ,]{{1,2}}\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}){_CLOCK}"
)
_TEMPORAL: Final = frozenset({"date", "timestamp"})


def date_part(seen: Seen) -> Recognized | None:
    """Recognize parts of dates: numbers by name and range, names of months and weekdays by themselves."""
    if seen.is_text:
        for part, names in calendar_names().items():
            share = seen.share(lambda value, names=names: folded(value).rstrip(".") in names)  # type: ignore[misc]
            if share >= 0.9:  # noqa: PLR2004
                few = 0.7 if seen.distinct == 1 else 0.95
                return Recognized("date_part", few * share, share, ("values",), part)
        return None
    if seen.lowest is None or seen.highest is None or not (seen.is_whole):
        return None
    for part, concept, least, most in _PARTS:
        named = seen.names.strength(concept)
        if named >= PART and least <= seen.lowest and seen.highest <= most and _is_alone(seen, named):
            return Recognized("date_part", 0.95 * named, 1.0, ("name", "values"), part)
    if seen.kind == "integer" and _YEARS[0] <= seen.lowest and seen.highest <= _YEARS[1] and seen.uniqueness < 0.5:  # noqa: PLR2004
        return Recognized("date_part", 0.6, 1.0, ("values",), "year")
    return None


def _is_alone(seen: Seen, named: float) -> bool:
    """Whether the part is what the name is about: of `year_built` it is, of `calls_per_day` it is not."""
    return named == 1.0 or not seen.names.has(
        "per", "of", "since", "in", "rate", "count", "avg", "mean", "total", "min", "max"
    )


def date_of_birth(seen: Seen) -> Recognized | None:
    """Recognize dates and years of birth by name."""
    named = seen.names.strength(vocabulary.BIRTH_DATE)
    years = seen.kind == "integer" and (seen.lowest or 0) >= 1850 and (seen.highest or 0) <= 2100  # noqa: PLR2004
    texts = seen.is_text and seen.share(lambda value: sum(map(str.isdigit, value)) >= 4) > 0.8  # noqa: PLR2004 - digits of a year
    if named and (seen.kind in _TEMPORAL or years or texts):
        return Recognized("date_of_birth", 0.95 * named, 1.0, ("name", "kind"), "year" if years else None)
    return None


def point_in_time(seen: Seen) -> Recognized | None:
    """Recognize dates and times by their kind, or texts written as such."""
    if seen.is_text:
        share = seen.share(_WRITTEN.fullmatch)
        return Recognized("point_in_time", 0.85 * share, share, ("values",), "text") if share >= 0.9 else None  # noqa: PLR2004
    return Recognized("point_in_time", 0.9, 1.0, ("kind",), seen.kind) if seen.kind in {*_TEMPORAL, "time"} else None
