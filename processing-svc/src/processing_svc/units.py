"""Units of measure out of the names of columns: `Weight (kg)`, `price [EUR]`, `Temp. in °C`, `Umsatz / Mio. €`."""

# ruff: noqa: E501, SIM905 - lists of many short words, some of other alphabets
import re
from typing import Final

from processing_svc.text.numbers import unit_of

_BRACKETED: Final = re.compile(r"^.*\S\s*(?:\(([^()]{1,20})\)|\[([^\[\]]{1,20})\])\s*$", re.DOTALL)
_TRAILING: Final = re.compile(
    r"^.*\S\s+in\s+(\S{1,12}(?:\s\S{1,8})?)\s*$|^.*\S\s*/\s*(\S{1,12}(?:\s\S{1,8})?)\s*$", re.DOTALL | re.IGNORECASE
)
_SUFFIX: Final = re.compile(
    r"[_ ](kg|km|cm|mm|kwh|mwh|gwh|kw|mw|eur|usd|gbp|chf|pct|percent|seconds|secs|ms|bytes|kb|mb|gb)$", re.IGNORECASE
)
_WORDS: Final = frozenset(
    "g t l m h s d a w v hz j k n pa min sec std tonnes tons liter litre liters litres m2 m3 m² m³ km2 qm cbm ft in yd mi lb lbs oz mph kn kmh km/h m/s m/s² "
    "percent prozent pct % ‰ ppm ppb pts bps hours minutes seconds days weeks months years std. sec. min. stunden minuten sekunden tage jahre heures jours "
    "kcal cal kj mj w wh va bar mbar hpa db µg mg/l µg/m³ µg/m3 g/l g/km kg/m² kg/m2 cm² cm2 cm³ mm² mol °c °f °k ° deg rad people persons personen units "
    "stück stk st pcs bytes bit bits kb mb gb tb ms ns µs us $ € £ ¥ dollars euro euros $m €m bn mio tsd".split()
)
_SCALES: Final = re.compile(
    r"^(?:mio|mrd|tsd|mill|mln|mld|million|millions|billion|billions|thousand|thousands|bn|1[.,]?000|000|k|m)\b\.?\s*(.*)$",
    re.IGNORECASE,
)


def unit_in(name: str | None) -> str | None:
    """Return the unit that a column's name names, None where it names none."""
    if not name:
        return None
    if found := _BRACKETED.match(name):
        words = (found[1] or found[2]).strip()
        return _known(words.removeprefix("in ").strip())
    if (found := _TRAILING.match(name)) and (unit := _known((found[1] or found[2]).strip())):
        return unit
    return _known(found[1]) if (found := _SUFFIX.search(name)) else None


def _known(words: str) -> str | None:
    if (unit := unit_of(words)) is not None:
        return unit
    if (unit := unit_of(words.upper())) is not None:
        return unit
    if words.lower() in _WORDS:
        return words
    scaled = _SCALES.match(words)
    if scaled is not None and (_known(scaled[1]) is not None if scaled[1] else len(words) > 2):  # noqa: PLR2004 - `m`
        return words
    parts = re.split(r"\s*(?:/|per|pro|par)\s*", words)
    return words if len(parts) == 2 and _known(parts[0]) and parts[1] and len(parts[1]) <= 12 else None  # noqa: PLR2004 - two sides of a rate
