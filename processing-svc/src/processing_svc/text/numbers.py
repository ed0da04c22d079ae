"""Numbers as people write them: thousands and decimal separators, units, percent, minus in several places.

A style is found in the texts at hand and becomes four kinds: integer, wide integer, double and decimal, of the plain
form of the number.
"""

# ruff: noqa: E501, RUF001, SIM905 - signs of other alphabets; lists of many short words
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from processing_svc.kinds import DECIMAL, DOUBLE, INTEGER, WIDE_INTEGER, Kind

SPACES: Final = " \u00a0\u2007\u2009\u202f"
APOSTROPHES: Final = "'\u2019"
MINUS: Final = "-\u2212"
_GROUPS: Final = {",": ",", ".": ".", " ": SPACES, "'": APOSTROPHES}

CURRENCIES: Final = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₺": "TRY", "₩": "KRW", "₪": "ILS", "₴": "UAH", "₫": "VND", "฿": "THB",
    "₦": "NGN", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "лв": "BGN", "лв.": "BGN", "руб.": "RUB", "руб": "RUB",
    "R$": "BRL", "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD",
    "S$": "SGD", "Fr.": "CHF", "SFr.": "CHF", "kr": "kr", "kr.": "kr", "Kr": "kr", "$": "$", "¥": "¥", "Rs": "Rs", "Rs.": "Rs",
}  # fmt: skip
"""Signs by what they mean; what several countries use keeps its sign."""
CODES: Final = frozenset(
    "EUR USD GBP CHF JPY CNY SEK NOK DKK PLN CZK HUF RON BGN HRK RUB UAH TRY ILS INR AUD CAD NZD BRL MXN ARS CLP COP ZAR "
    "KRW SGD HKD TWD THB IDR MYR PHP VND AED SAR EGP NGN KES MAD ISK RSD".split()
)
MEASURES: Final = frozenset(
    "kg mg µg km cm mm km² m² km2 ha kWh MWh GWh TWh kW MW GW °C °F ml hPa mbar km/h m³ kB MB GB TB kHz MHz GHz dB".split()
)
SHARES: Final = frozenset("%‰")
_UNIT_LIKE: Final = re.compile(r"[^\d\s()+.,'\u2019\u2212-][^\d\s()+,'\u2019\u2212]{0,4}")


def unit_of(sign: str) -> str | None:
    """Return the unit that a sign or code names, None for any other word."""
    if sign in CURRENCIES:
        return CURRENCIES[sign]
    return sign if sign in CODES or sign in MEASURES or sign in SHARES else None


def propose_numbers(values: Sequence[str]) -> list[Kind]:
    """Return the kinds of every style that some of these texts show, the most plausible first."""
    styles: dict[tuple[str, str, str], None] = {}
    for value in values:
        for style in _styles_of(value):
            styles.setdefault(style)
    found = [kind for style in sorted(styles, key=_preference) for kind in _kinds(*style)]
    return list(dict.fromkeys(found))


def _preference(style: tuple[str, str, str]) -> tuple[bool, bool, str]:
    group, point, sign = style
    return point == ",", not group, sign


def _styles_of(value: str) -> Iterable[tuple[str, str, str]]:
    """Yield group, point and sign of every way in which a text may be a number that is not a plain one."""
    if not any(character.isdigit() for character in value) or len(value) > 60:  # noqa: PLR2004 - no number is longer
        return
    sign = _sign_of(value)
    if sign is None:
        return
    core = value.replace(sign, "") if sign else value
    marks = {
        group
        for group, characters in _GROUPS.items()
        if any(character in core.strip(SPACES) for character in characters)
    }
    for group in ("", *_GROUPS):
        for point in ".,":
            plain = not sign and not group and point == "." and _is_plain(core)
            if group == point or plain or (group and group not in marks):
                continue
            if re.fullmatch(_pattern(group, point, sign, strict=False), value):
                yield group, point, sign


def _is_plain(core: str) -> bool:
    return not any(character in core for character in "()\u2212") and not core.endswith("-")


def _sign_of(value: str) -> str | None:
    """Return the unit that a text carries, "" for none; None where its letters are no unit."""
    body = re.sub(r"(?<=[0-9])[eE][-+]?[0-9]+", "", value)
    words = _UNIT_LIKE.findall(body)
    if not words:
        return ""
    known = [word for word in words if unit_of(word) is not None]
    return known[0] if len(words) == 1 and known else None


@cache
def _pattern(group: str, point: str, sign: str, *, strict: bool, whole: bool = False) -> str:
    """Return the pattern of a style, for Python and RE2 alike; `whole`: of its numbers without a fraction.

    With `strict` no run of four digits stands without its separators: such a run speaks against the group.
    """
    core = f"(?:{_whole(group, strict=strict)}(?:{re.escape(point)}[0-9]+)?|{re.escape(point)}[0-9]+)"
    if whole:
        core = _whole(group, strict=strict)
    elif not group:
        core += "(?:[eE][-+]?[0-9]+)?"
    blank, minus = f"[{SPACES}]?", f"[{MINUS}]"
    unit = re.escape(sign)
    if not sign:
        return f"(?:{minus}{blank})?{core}|{core}{blank}{minus}|\\({blank}{core}{blank}\\)"
    both = f"(?:{unit}{blank}{core}|{core}{blank}{unit})"
    return (
        f"(?:{minus}{blank})?{both}|{unit}{blank}{minus}{blank}{core}|{both}{blank}{minus}"
        f"|{core}{blank}{minus}{blank}{unit}|\\({blank}{both}{blank}\\)|\\({core}\\){blank}{unit}|{unit}{blank}\\({core}\\)"
    )


def _whole(group: str, *, strict: bool) -> str:
    if not group:
        return "(?:0|[1-9][0-9]*)"
    mark = f"[{_GROUPS[group]}]"
    thousands = f"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
    indian = f"|[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}" if group == "," else ""
    return f"(?:{thousands}{indian}|0|[1-9][0-9]{'{0,2}' if strict else '*'})"


@cache
def _kinds(group: str, point: str, sign: str) -> tuple[Kind, ...]:
    strictly = [_styled(kind, group, point, sign, strict=True) for kind in (INTEGER, WIDE_INTEGER, DOUBLE, DECIMAL)]
    if not group:
        return tuple(strictly)
    loosely = [_styled(kind, group, point, sign, strict=False) for kind in (INTEGER, WIDE_INTEGER, DOUBLE, DECIMAL)]
    return tuple(strictly + loosely)


def _styled(plain: Kind, group: str, point: str, sign: str, *, strict: bool) -> Kind:
    pattern = _pattern(group, point, sign, strict=strict)
    marks = _GROUPS.get(group, "")
    stripped = f"replace(@, {_quoted(sign)}, '')" if sign else "@"
    digits = f"{re.escape(point)}?[0-9](?:[0-9{re.escape(point)}{marks}]*[0-9])?(?:[eE][-+]?[0-9]+)?"
    core = f"regexp_extract({stripped}, {_quoted(digits)})"
    negative = f"regexp_matches({stripped}, {_quoted(f'^[{SPACES}]*[{MINUS}(]|[{MINUS}][{SPACES}]*$')})"
    normal = (
        f"CASE WHEN regexp_full_match(@, {_quoted(pattern)}) THEN (CASE WHEN {negative} THEN '-' ELSE '' END) "
        f"|| translate({core}, {_quoted(point + marks)}, '.') END"
    )
    # a number below 1,000 beside grouped ones: the separator is that of thousands
    hint = f"bool_or(regexp_full_match({stripped}, {_quoted('[^0-9]*[0-9]{1,3}[^0-9]*')}))" if group else None
    return replace(
        plain,
        normal=normal,
        hint=hint,
        shape=_pattern(group, point, sign, strict=strict, whole=plain in {INTEGER, WIDE_INTEGER}),
        format=_format(group, point, sign),
        unit=unit_of(sign) if sign else None,
        point=point,
        group=group + ("" if strict else "~") if group else None,
    )


def _format(group: str, point: str, sign: str) -> str:
    return f"1{group}234{point}5{' ' + sign if sign else ''}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
