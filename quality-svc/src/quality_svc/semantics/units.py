"""Units of measure: out of a field's metadata, the column's name (`weight_kg`, `Temp (°C)`), or texts like `12 kg`."""

# ruff: noqa: E501, SIM905 - lists of many short words, some of other alphabets
import re
from collections import Counter
from typing import Final, Literal

from quality_svc.profile.document import Kind, Unit
from quality_svc.semantics.registries import currency_codes

_QUANTITIES: Final = {
    "mass": "kg g mg µg ug lb lbs oz t tonne tonnes ton tons st kt mt kilogram kilograms kilogramm gram grams gramm pounds",
    "length": "km m cm mm µm nm mi mile miles yd ft feet foot inch inches nmi meter meters metre metres",
    "area": "m2 m² qm km2 km² ha cm2 cm² mm² ft2 ft² sqft sqm sqkm acre acres hectare hectares hektar sqmi",
    "volume": "l ml cl dl hl m3 m³ cbm cm3 cm³ liter liters litre litres gal gallon gallons bbl ft3",
    "time": "s sec secs second seconds min mins minute minutes h hr hrs hour hours d day days week weeks month months yr yrs year years ms µs us ns stunden minuten sekunden tage wochen monate jahre heures jours horas dias",
    "temperature": "°c °f °k degc degf celsius fahrenheit kelvin ℃ ℉",
    "speed": "km/h kmh kph mph m/s kn knots kt mps km/s ft/s",
    "pressure": "pa hpa kpa mpa mbar bar psi atm mmhg",
    "energy": "j kj mj gj wh kwh mwh gwh twh cal kcal btu tj pj",
    "power": "w kw mw gw hp ps kwp mva kva watt watts",
    "electricity": "v kv mv ma ah mah ohm ω farad volt volts ampere",
    "frequency": "hz khz mhz ghz rpm bpm",
    "data": "b kb mb gb tb pb kib mib gib tib bit bits byte bytes mbps gbps kbps mbit/s",
    "share": "% pct percent percentage prozent pourcent porcentaje percento ‰ permille ppm ppb bps bp pp",
    "angle": "° deg degree degrees rad radian radians grad",
    "concentration": "mg/l µg/l g/l mg/dl mmol/l µg/m³ µg/m3 ug/m3 mg/m³ mg/m3 g/m3 mol/l mg/kg ppmv",
    "emission": "co2e tco2 tco2e kgco2e kgco2 gco2/km g/km",
    "count": "pcs pieces stk stück units persons people personen einwohner employees",
    "loudness": "db dba",
}
_SIGNS: Final = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "zł": "PLN",
    "kč": "CZK",
    "us$": "USD",
    "r$": "BRL",
    "euro": "EUR",
    "euros": "EUR",
    "dollar": "USD",
    "dollars": "USD",
    "usd": "USD",
}
_QUANTITY: Final = {word: quantity for quantity, words in _QUANTITIES.items() for word in words.split()}
_AMBIGUOUS: Final = frozenset(
    "m s t l g h d w v a c f b k n j c min st us in no hp ps ma people persons units day month year week hour minute second days months years weeks degree mb pa pp bp kn kt mt ft mi count employees personen einwohner".split()
)
"""Words that are no unit at the end of a name, only in brackets."""
_PLURALS: Final = frozenset(
    "days months years weeks hours minutes seconds hrs mins secs ft mi mb ma pa kt kn min".split()
)
"""Of those: units at the end of a name that has another word before (`age_days`, `distance_ft`)."""
_SYMBOLS: Final = {
    "degc": "°C",
    "celsius": "°C",
    "degf": "°F",
    "fahrenheit": "°F",
    "kelvin": "K",
    "pct": "%",
    "percent": "%",
    "percentage": "%",
    "prozent": "%",
    "pourcent": "%",
    "porcentaje": "%",
    "percento": "%",
    "sqm": "m²",
    "qm": "m²",
    "m2": "m²",
    "km2": "km²",
    "sqkm": "km²",
    "sqft": "ft²",
    "ft2": "ft²",
    "m3": "m³",
    "cbm": "m³",
    "cm2": "cm²",
    "cm3": "cm³",
    "kmh": "km/h",
    "kph": "km/h",
    "°c": "°C",
    "°f": "°F",
    "kwh": "kWh",
    "mwh": "MWh",
    "gwh": "GWh",
    "kw": "kW",
    "hz": "Hz",
    "khz": "kHz",
    "mhz": "MHz",
    "ghz": "GHz",
    "hpa": "hPa",
    "kpa": "kPa",
    "pa": "Pa",
    "gb": "GB",
    "mb": "MB",
    "tb": "TB",
    "kb": "kB",
    "ug": "µg",
}
_BRACKETED: Final = re.compile(r"[(\[]\s*(?:in\s+)?([^()\[\]]{1,24}?)\s*[)\]]\s*$", re.IGNORECASE)
_TRAILING: Final = re.compile(r"(?:\bin\s+|,\s*|/\s*)(\S{1,12})\s*$", re.IGNORECASE)
_QUALIFIED: Final = re.compile(
    r"\s*(?P<before>[€$£¥₹₽₩₺]|[A-Z]{3}\s)?\s*[-+]?\d[\d.,'\u00a0\u202f ]*(?:e[-+]?\d+)?\s*(?P<after>[^\d\s.,;:()-][^\d;()]{0,11})?\s*",
    re.IGNORECASE,
)
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_APART: Final = re.compile(r"[\s_.-]+")
_NUMERIC: Final = frozenset({"integer", "float", "decimal"})
_MOSTLY: Final = 0.9


def unit_of(
    kind: Kind, name: str, source_name: str | None, said: str | None, values: tuple[tuple[str, int], ...]
) -> Unit | None:
    """Return the unit of a column; `said` is what its field's metadata say, `values` some texts with their counts."""
    if said:
        return _unit(said, "metadata") or Unit(symbol=said, source="metadata")
    if kind in _NUMERIC:
        return next((unit for text in (source_name, name) if text and (unit := unit_in_name(text))), None)
    return unit_in_values(values) if kind == "text" else None


def unit_in_name(name: str) -> Unit | None:
    """Return the unit that a column's name ends with."""
    for pattern in (_BRACKETED, _TRAILING):
        found = pattern.search(name)
        if found and (unit := _unit(found[1], "name")):
            return unit
    words = [word for word in _APART.split(_HUMP.sub(" ", name)) if word]
    for size in (2, 1):
        if len(words) <= size:
            continue
        last = ("/" if size == 2 else "").join(words[-size:])  # noqa: PLR2004 - m_s is metres a second
        if last.lower() in _AMBIGUOUS and last.lower() not in _PLURALS:
            continue
        if size == 2 and words[-2] == "per":  # noqa: PLR2004
            continue
        if unit := _unit(last, "name"):
            return unit
    return None


def unit_in_values(values: tuple[tuple[str, int], ...]) -> Unit | None:
    """Return the unit that nearly all texts carry beside a number."""
    carried: Counter[str] = Counter()
    for value, count in values:
        found = _QUALIFIED.fullmatch(value)
        word = ((found["after"] or found["before"] or "") if found else "").strip()
        if not word and not carried:
            return None  # the most frequent value has none
        carried[word] += count
    if not carried:
        return None
    word, count = carried.most_common(1)[0]
    return _unit(word, "values") if count >= _MOSTLY * sum(carried.values()) else None


def _unit(words: str, source: Literal["metadata", "name", "values"]) -> Unit | None:
    word = words.strip().rstrip(".")
    lower = word.lower()
    if lower in _SIGNS:
        return Unit(symbol=_SIGNS[lower], quantity="currency", source=source)
    if word.upper() in currency_codes() and (word.isupper() or source == "metadata" or lower in _USUAL):
        return Unit(symbol=word.upper(), quantity="currency", source=source)
    quantity = _QUANTITY.get(lower)
    if quantity is None and "/" in lower:
        above, _, below = lower.partition("/")
        quantity = "rate" if above in _QUANTITY and (below in _QUANTITY or source == "metadata") else None
    return Unit(symbol=_SYMBOLS.get(lower, word), quantity=quantity, source=source) if quantity else None


_USUAL: Final = frozenset("eur usd gbp chf jpy cny inr pln czk sek nok dkk huf brl cad aud".split())
