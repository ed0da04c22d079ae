"""Countries, languages and currencies as ISO and CLDR know them: codes, and names in many languages.

Read once in a process, in the sandbox's warm-up: no column pays for it.
"""

# ruff: noqa: E501 - lists of many short words
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

import pycountry
from babel import Locale

LOCALES: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "sk", "hu", "ro", "bg", "hr", "el", "tr", "ru",
                  "uk", "ar", "he", "fa", "hi", "zh", "zh_Hant", "ja", "ko", "vi", "id")  # fmt: skip
_TERRITORY: Final = 2
_COMMON: Final = {
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "holland": "NL", "south korea": "KR", "korea": "KR", "north korea": "KP", "russia": "RU",
    "russian federation": "RU", "iran": "IR", "viet nam": "VN", "czech republic": "CZ", "turkey": "TR", "ivory coast": "CI", "burma": "MM",
    "macedonia": "MK", "swaziland": "SZ", "cape verde": "CV", "hong kong": "HK", "macau": "MO", "taiwan": "TW", "korea, rep.": "KR",
    "egypt, arab rep.": "EG", "bosnia": "BA", "congo": "CG", "dr congo": "CD", "palestine": "PS", "uae": "AE", "syria": "SY", "laos": "LA",
    "moldova": "MD", "bolivia": "BO", "venezuela": "VE", "tanzania": "TZ", "brunei": "BN", "deutschland": "DE", "columbia": "CO", "hong": "HK",
    "trinadad&tobago": "TT", "el-salvador": "SV", "dominican-republic": "DO", "puerto-rico": "PR", "south": "KR",
}  # fmt: skip


def folded(text: str) -> str:
    """Return text for comparison: lower case, without accents and the blanks around it."""
    text = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(character for character in text if not unicodedata.combining(character))


@cache
def country_codes() -> Mapping[str, frozenset[str]]:
    """Return the codes of countries by scheme (ISO 3166-1 alpha-2, alpha-3, numeric)."""
    countries = list(pycountry.countries)
    return {
        "iso-3166-1-alpha-2": frozenset(country.alpha_2 for country in countries) | {"UK", "EL", "XK"},
        "iso-3166-1-alpha-3": frozenset(country.alpha_3 for country in countries) | {"XKX"},
        "iso-3166-1-numeric": frozenset(country.numeric for country in countries),
    }


@cache
def country_names() -> frozenset[str]:
    """Return the folded names of countries in all of `LOCALES`."""
    names = {folded(name) for name in _COMMON}
    for country in pycountry.countries:
        names |= {
            folded(name)
            for name in (country.name, getattr(country, "common_name", ""), getattr(country, "official_name", ""))
            if name
        }
    codes = country_codes()["iso-3166-1-alpha-2"]
    for locale in LOCALES:
        territories = Locale.parse(locale).territories
        names |= {folded(name) for code, name in territories.items() if len(code) == _TERRITORY and code in codes}
    return frozenset(names)


@cache
def language_codes() -> Mapping[str, frozenset[str]]:
    """Return the codes of languages by scheme (ISO 639-1, 639-3 of those that have one)."""
    living = [language for language in pycountry.languages if hasattr(language, "alpha_2")]
    three = {getattr(language, name) for language in living for name in ("alpha_3", "bibliographic")
             if hasattr(language, name)}  # fmt: skip
    return {"iso-639-1": frozenset(language.alpha_2 for language in living), "iso-639-2": frozenset(three)}


@cache
def language_names() -> frozenset[str]:
    """Return the folded names of languages in all of `LOCALES`, and their own."""
    codes = language_codes()["iso-639-1"] | {"fil", "yue"}
    names: set[str] = set()
    for locale in LOCALES:
        languages = Locale.parse(locale).languages
        names |= {folded(name) for code, name in languages.items() if code in codes}
    return frozenset(names)


@cache
def currency_codes() -> frozenset[str]:
    """Return the codes of currencies (ISO 4217)."""
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


@cache
def currency_names() -> frozenset[str]:
    """Return the folded names of currencies in some languages, and their signs."""
    names = {
        "$",
        "€",
        "£",
        "¥",
        "₹",
        "₽",
        "₩",
        "₺",
        "₫",
        "₴",
        "zł",
        "kč",
        "ft",
        "kr",
        "chf",
        "r$",
        "us$",
        "fr.",
        "dollar",
        "dollars",
    }
    for locale in ("en", "de", "fr", "es", "it", "pt"):
        names |= {folded(name) for name in Locale.parse(locale).currencies.values()}
    return frozenset(names | {"euro", "euros", "yen", "pound", "pfund", "livre", "franken"})


@cache
def calendar_names() -> Mapping[str, frozenset[str]]:
    """Return the folded names and abbreviations of `month` and `weekday` in all of `LOCALES`."""
    months: set[str] = set()
    days: set[str] = set()
    for locale in map(Locale.parse, LOCALES):
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                months |= {folded(name).rstrip(".") for name in locale.months[context][width].values()}
                days |= {folded(name).rstrip(".") for name in locale.days[context][width].values()}
    plain = {"sept", "maerz", "tues", "thur", "thurs"}
    return {
        "month": frozenset(name for name in months | plain if not name.isdigit()),
        "weekday": frozenset(days | plain),
    }


def warm() -> None:
    """Read all registries."""
    for registry in (country_codes, country_names, language_codes, language_names, currency_codes, currency_names,
                     calendar_names):  # fmt: skip
        registry()
