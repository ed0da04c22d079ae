"""Countries, postal codes, towns, addresses, coordinates."""

# ruff: noqa: E501 - tables of patterns
import re
from typing import Final

from quality_svc.profile.document import SemanticType
from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name, by_values
from quality_svc.semantics.registries import country_codes, country_names, folded

POSTAL_CODES: Final = {
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d", "NL": r"\d{4} ?[A-Z]{2}", "US": r"\d{5}-\d{4}", "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}", "BR": r"\d{5}-\d{3}", "JP": r"\d{3}-\d{4}", "SE": r"\d{3} \d{2}", "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}", "LU": r"L-\d{4}",
    "LV": r"LV-\d{4}", "LT": r"LT-\d{5}", "MD": r"MD-?\d{4}", "AR": r"[A-Z]\d{4}[A-Z]{3}", "MT": r"[A-Z]{3} ?\d{4}",
}  # fmt: skip
"""Postal codes that look like nothing else, by country."""
_SPEAKING: Final = {country: re.compile(pattern) for country, pattern in POSTAL_CODES.items()}
_PLAIN: Final = re.compile(r"(?:[A-Z]{1,2}-)?\d{3,7}(?:[- ]\d{2,4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{4} ?[A-Z]{2}",
                           re.IGNORECASE)  # fmt: skip
_ONLY_DIGITS: Final = re.compile(r"\d{3,7}(?:\.0)?")
_STREET: Final = re.compile(
    r"(?:str(?:\.|asse|aße)|\b(?:street|st|rd|ave|avenue|rue|calle|road|lane|drive|dr|boulevard|blvd|piazza|corso|viale|allée|"
    r"chemin|impasse|paseo|plaza|avenida|rua|travessa|ulica|ul|square|court|ct)\b|via |улица|ул\.|проспект|straat|laan|gatan|vägen|"
    r"vej\b|gata|platz\b|weg\b|allee\b|gasse\b|丁目|番地|号|路|대로|길|caddesi|sokak|شارع|רחוב)",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"\d+[a-zA-Z]?(?:[-/]\d+)?,? +[^\W\d_]|[^\W\d_]{2,}\.? +\d{1,4}[a-zA-Z]?\b")
_WORD: Final = re.compile(r"[^\W\d_][^\d_]{1,60}")
_DEGREES: Final = re.compile(r"-?\d{1,3}(?:[.,]\d+)?°?(?: ?\d{1,2}['′](?: ?\d{1,2}(?:[.,]\d+)?[\"″])?)? ?[NSEWO]?")  # noqa: RUF001


def country(seen: Seen) -> Recognized | None:
    """Recognize countries by code or by name in many languages."""
    named = seen.names.strength(vocabulary.COUNTRY)
    if not seen.is_text:
        if not (named and seen.kind == "integer"):
            return None
        numeric = country_codes()["iso-3166-1-numeric"]
        share = seen.share(lambda value: value.zfill(3) in numeric)
        return by_name("country", share, named, detail="iso-3166-1-numeric", least=0.9)
    for scheme, codes in country_codes().items():
        share = seen.share(lambda value, codes=codes: value.strip().upper() in codes)  # type: ignore[misc]
        many = 5
        if share >= 0.9 and (named or (seen.distinct >= many and scheme != "iso-3166-1-numeric" and _is_upper(seen))):  # noqa: PLR2004
            alike = 0.8 if scheme.endswith("2") else 0.9  # states of the USA, languages and units are two letters too
            confidence = round(share * (0.7 + 0.3 * named if named else alike * 0.75), 3)
            return Recognized("country", confidence, share, ("name", "values") if named else ("values",), scheme)
    names = country_names()
    share = seen.share(lambda value: folded(value) in names)
    return by_values("country", share, named, detail="name")


def postal_code(seen: Seen) -> Recognized | None:
    """Recognize postal codes: digits alone only where the name says so."""
    named = seen.names.strength(vocabulary.POSTAL_CODE)
    if seen.is_text:
        for nation, pattern in _SPEAKING.items():
            share = seen.share(pattern.fullmatch)
            if share >= 0.9 and (named or nation in {"GB", "CA", "NL", "BR", "AR"}):  # noqa: PLR2004
                return by_values("postal_code", share * (1 if named else 0.8), named, detail=nation, least=0.7)
        return by_name("postal_code", seen.share(_PLAIN.fullmatch), named)
    if not named or not seen.is_whole or (seen.lowest or 0) < 0:
        return None
    return by_name("postal_code", seen.share(_ONLY_DIGITS.fullmatch), named, least=0.8)


def city(seen: Seen) -> Recognized | None:
    """Recognize names of towns: nothing but the column's name tells them from other words."""
    named = seen.names.strength(vocabulary.CITY) if seen.is_text else 0.0
    return by_name("city", seen.share(_WORD.fullmatch), named * 0.9, least=0.8) if named else None


def address(seen: Seen) -> Recognized | None:
    """Recognize postal addresses: a street with a number, in many languages."""
    if not seen.is_text:
        return None
    named = seen.names.strength(vocabulary.ADDRESS)
    share = seen.share(lambda value: _STREET.search(value) or _NUMBERED.search(value))
    if named:
        few = 0.2
        otherwise = Recognized("address", 0.5 * named, share, ("name",)) if seen.uniqueness > few else None
        return by_name("address", share, named, least=0.3) or otherwise
    streets = seen.share(lambda value: _STREET.search(value) and _NUMBERED.search(value))
    return Recognized("address", 0.75 * streets, streets) if streets > 0.7 and seen.uniqueness > 0.5 else None  # noqa: PLR2004


def latitude(seen: Seen) -> Recognized | None:
    """Recognize latitudes: degrees between the poles under such a name."""
    return _degrees(seen, "latitude", seen.names.strength(vocabulary.LATITUDE), 90)


def longitude(seen: Seen) -> Recognized | None:
    """Recognize longitudes."""
    return _degrees(seen, "longitude", seen.names.strength(vocabulary.LONGITUDE), 180)


def _degrees(seen: Seen, found: SemanticType, named: float, limit: int) -> Recognized | None:
    if not named or all(words[-1] in {"x", "y"} for words in seen.names.said):
        return None  # `x` and `y` alone are more often anything else
    if seen.is_text:
        return by_name(found, seen.share(_DEGREES.fullmatch), named, least=0.8)
    if seen.lowest is None or seen.highest is None or seen.lowest < -limit or seen.highest > limit:
        return None
    return Recognized(found, round(named * (0.5 if seen.is_whole else 0.95), 3), 1.0, ("name", "values"))


def _is_upper(seen: Seen) -> bool:
    return all(value.strip().isupper() for value, _ in seen.values[:20])
