"""Number formats: what kind of value a format shows, after ECMA-376 part 1, 18.8.30 and 18.8.31."""

import re
from typing import Final

from processing_svc.grid.cells import Kind

_BUILT_IN: Final = {
    **dict.fromkeys((9, 10), Kind.PERCENT),
    **dict.fromkeys((5, 6, 7, 8, 37, 38, 39, 40, 41, 42, 43, 44), Kind.FRACTION),
    **dict.fromkeys((14, 15, 16, 17), Kind.DATE),
    **dict.fromkeys((18, 19, 20, 21), Kind.TIME),
    22: Kind.MOMENT,
    # the formats of East Asian locales; 27 to 36 and 50 to 58 are dates or times in every one of them
    **dict.fromkeys((27, 28, 29, 30, 31, 34, 35, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58), Kind.DATE),
    **dict.fromkeys((32, 33), Kind.TIME),
    45: Kind.TIME,
    46: Kind.DURATION,
    47: Kind.TIME,
    49: Kind.TEXT,
}
_CURRENCY_BUILT_IN: Final = frozenset({5, 6, 7, 8, 42, 44})
_LITERALS: Final = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS: Final = re.compile(r"\[([^\]]*)\]")
_ELAPSED: Final = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_AM_PM: Final = re.compile(r"am/pm|a/p|上午/下午", re.IGNORECASE)
_GENERAL: Final = re.compile(r"general|standard", re.IGNORECASE)
_SIGN: Final = re.compile(r"[$€£¥₹₽₩₺₪₫฿₴₦₱¢]")
_LOCALE: Final = re.compile(r"\[\$([^\]-]+)(?:-[^\]]*)?\]")
_CODE: Final = re.compile(
    r'"?\b(EUR|USD|GBP|CHF|JPY|CNY|RUB|INR|SEK|NOK|DKK|PLN|CZK|HUF|AUD|CAD|NZD|BRL|MXN|ZAR|TRY|SGD|HKD|KRW|'
    r'zł|Kč|kr|руб)\b"?'  # noqa: RUF001 - roubles
)
_MAX_CHARACTERS: Final = 1_000


def kind_of(number_format: str | int) -> tuple[Kind, str | None]:
    """Return what a format shows and its currency sign, if it has one.

    The kind is one of FRACTION (a plain number), PERCENT, CURRENCY, DATE, MOMENT, TIME, DURATION and TEXT. An integer
    is the number of a built-in format.
    """
    if isinstance(number_format, int):
        kind = _BUILT_IN.get(number_format, Kind.FRACTION)
        # the sign of a built-in format is that of the reader's own locale, which no file tells
        return (Kind.CURRENCY, None) if number_format in _CURRENCY_BUILT_IN else (kind, None)
    first = number_format[:_MAX_CHARACTERS]
    if _ELAPSED.search(_LITERALS.sub("", first)):
        return Kind.DURATION, None
    section = _first_section(first)
    if (sign := _currency(section)) is not None:
        return Kind.CURRENCY, sign
    bare = _BRACKETS.sub("", _LITERALS.sub("", section))
    return _bare_kind(_GENERAL.sub("", bare)), None


def _first_section(code: str) -> str:
    quoted = False
    for index, character in enumerate(code):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted and code[index - 1 : index] != "\\":
            return code[:index]
    return code


def _currency(section: str) -> str | None:
    if not any(place in section for place in "0#?"):
        return None
    named = _LOCALE.search(section)
    if named:
        return named[1].strip()
    found = _SIGN.search(_BRACKETS.sub("", section)) or _CODE.search(section)
    return found[0].strip('"') if found else None


def _bare_kind(bare: str) -> Kind:
    lowered = _AM_PM.sub("§", bare.lower())
    clock = "§" in lowered or "h" in lowered or "s" in lowered
    # a lone m is a month unless hours or seconds stand in the same format
    day = any(letter in lowered for letter in "yd") or bool(re.search(r"[ge]{1,4}", lowered) and not _digits(lowered))
    month = "m" in lowered and not clock
    minutes_and_month = clock and len(re.findall(r"m+", lowered)) > 1 and not day
    if _digits(lowered) and not (day or month or (clock and re.search(r"h|ss", lowered))):
        return Kind.PERCENT if "%" in lowered else Kind.FRACTION
    if day or month or minutes_and_month:
        return Kind.MOMENT if clock else Kind.DATE
    if clock:
        return Kind.TIME
    if "%" in lowered:
        return Kind.PERCENT
    return Kind.TEXT if "@" in lowered else Kind.FRACTION


def _digits(text: str) -> bool:
    return any(place in text for place in "0#?")
