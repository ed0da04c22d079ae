"""Dates, times and durations as people write them, in the order and the language that the texts at hand show.

Each becomes a kind whose normal form is ISO 8601. Years of two digits: 00 to 68 are 20xx, 69 to 99 are 19xx (POSIX).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from processing_svc.kinds import Kind
from processing_svc.text.months import MONTHS, languages_of, names_of

_CLOCK: Final = "(?:[01]?[0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?"
_HALF_CLOCK: Final = "(?:0?[1-9]|1[0-2]):[0-9]{2}(?::[0-9]{2})?"
_HALF: Final = "[AaPp][.]?[Mm][.]?"
_BETWEEN: Final = "(?:[ T]|, ?)"
_NUMERIC: Final = re.compile(
    rf"([0-9]{{1,4}})([-/.])([0-9]{{1,2}})\2 ?([0-9]{{2,4}}|[0-9])[.]?(?:{_BETWEEN}({_CLOCK})( ?{_HALF})?)?"
)
_YEAR_DIGITS: Final = 4
LANGUAGES: Final = 2
_PIVOT: Final = "69"
_ORDERS: Final = {"dmy": "\\3-\\2-\\1", "mdy": "\\3-\\1-\\2", "ymd": "\\1-\\2-\\3"}
_NAMES: Final = {"dmy": "date_day_first", "mdy": "date_month_first", "ymd": "date_year_first"}
_WORD: Final = re.compile(r"[^\W\d_]+")
_HALF_TIME: Final = re.compile(rf"{_HALF_CLOCK} ?{_HALF}")
_LONG_TIME: Final = re.compile(r"-?[0-9]{1,6}:[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?")
_ISO_DURATION: Final = "-?P(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:[.][0-9]{1,6})?S)?)?"


def propose_moments(values: Sequence[str]) -> list[Kind]:
    """Return the kinds of every form that some of these texts show, the most plausible first."""
    found: dict[Kind, None] = {}
    languages = _languages(values)
    for value in values:
        for kind in _forms_of(value, languages):
            found.setdefault(kind)
    order = {"dmy": 0, "mdy": 1, "ymd": 2}
    return sorted(found, key=lambda kind: order.get(kind.order or "", 3))


def _forms_of(value: str, languages: Sequence[str]) -> Iterable[Kind]:
    if numeric := _NUMERIC.fullmatch(value):
        yield from _numeric_forms(numeric)
    elif _HALF_TIME.fullmatch(value):
        yield _half_time()
    elif _LONG_TIME.fullmatch(value):
        yield _long_time()
    elif value.startswith(("P", "-P")) and re.fullmatch(_ISO_DURATION, value):
        yield _iso_duration()
    elif _WORD.search(value) and value[0].isalnum() and re.search("[0-9]", value):
        yield from _named_forms(value, languages)
    elif re.fullmatch(_CLOCK, value):
        yield _short_time()


def _numeric_forms(found: re.Match[str]) -> Iterable[Kind]:
    first, mark, _, last, clock, half = found.groups()
    time = "half" if half else "clock" if clock else ""
    if len(first) == _YEAR_DIGITS:
        yield _numeric("ymd", mark, _YEAR_DIGITS, time)
    elif len(last) == _YEAR_DIGITS:
        yield _numeric("dmy", mark, _YEAR_DIGITS, time)
        if mark != ".":  # points are used where the day comes first
            yield _numeric("mdy", mark, _YEAR_DIGITS, time)
    elif len(first) <= 2 and len(last) == 2:  # noqa: PLR2004 - digits of a short year
        yield _numeric("dmy", mark, 2, time)
        if mark != ".":
            yield _numeric("mdy", mark, 2, time)
            if len(first) == 2:  # noqa: PLR2004 - the same
                yield _numeric("ymd", mark, 2, time)


@cache
def _numeric(order: str, mark: str, year_digits: int, time: str) -> Kind:
    year, part = f"([0-9]{{{year_digits}}})", "([0-9]{1,2})"
    blank = " ?" if mark == "." else ""
    parts = [year if letter == "y" else part for letter in order]
    pattern = f"[{mark}]{blank}".join(parts) + ("[.]?" if mark == "." and order == "ymd" else "")
    place = order.index("y") + 1
    template = _ORDERS[order]
    if year_digits == 2:  # noqa: PLR2004 - digits of a short year
        century = f"CASE WHEN regexp_extract(@, {{pattern}}, {place}) < '{_PIVOT}' THEN '20' ELSE '19' END"
    else:
        century = "''"
    text = "".join({"d": "DD", "m": "MM", "y": "Y" * year_digits}[letter] + mark for letter in order)[:-1]
    return _kind(pattern, template, century, time=time, order=order, text=text)


def _kind(pattern: str, template: str, century: str, *, time: str, order: str, text: str) -> Kind:
    """Return the kind of a date, or of a moment with `time`, whose normal form `template` makes of `pattern`."""
    name = _NAMES[order]
    if time:
        clock = f"({_CLOCK})" if time == "clock" else f"({_HALF_CLOCK}) ?([AaPp])[.]?[Mm][.]?"
        pattern += f"{_BETWEEN}{clock}"
        template += " \\4" if time == "clock" else " \\4 \\5M"
    quoted = _quoted(f"^{pattern}$")
    normal = (
        f"CASE WHEN regexp_full_match(@, {_quoted(pattern)}) THEN "
        f"{century.format(pattern=quoted)} || regexp_replace(@, {quoted}, {_quoted(template)}) END"
    )
    if time == "half":
        parsed = "try_strptime(upper(@), ['%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p'])"
        return Kind(name.replace("date", "timestamp"), "TIMESTAMP", f"{parsed} IS NOT NULL", parsed, pattern, normal,
                    format=f"{text} hh:mm AM", order=order)  # fmt: skip
    sql_type = "TIMESTAMP" if time else "DATE"
    return Kind(
        name.replace("date", "timestamp") if time else name,
        sql_type,
        f"TRY_CAST(@ AS {sql_type}) IS NOT NULL",
        f"CAST(@ AS {sql_type})",
        pattern,
        normal,
        format=f"{text} hh:mm" if time else text,
        order=order,
    )


def _languages(values: Iterable[str]) -> list[str]:
    """Return the languages in which most of the texts name a month; two at most, the widely spoken first."""
    counts = Counter(
        language
        for value in values
        for language in {name for word in _WORD.findall(value) for name in languages_of(word.lower())}
    )
    return sorted(counts, key=lambda language: (-counts[language], list(MONTHS).index(language)))[:LANGUAGES]


def _named_forms(value: str, languages: Sequence[str]) -> Iterable[Kind]:
    half = re.search(f"[0-9] ?{_HALF}$", value) is not None
    time = "half" if half else "clock" if re.search(":[0-9]{2}", value) else ""
    for language in languages:
        for order in ("dmy", "mdy", "ymd"):
            kind = _named(language, order, time)
            if re.fullmatch(kind.shape, value):
                yield kind


@cache
def _named(language: str, order: str, time: str) -> Kind:
    """Return the kind of dates that name the month in a language."""
    names = names_of(language)
    month = "((?i:" + "|".join(name for name, _ in names) + "))[.]?"
    day = "([0-9]{1,2})(?:st|nd|rd|th|er|º|ª|[.])?"
    year = "([0-9]{4})[.]?" if order == "ymd" else "([0-9]{4}|[0-9]{2})"
    gap = "(?:[ ]?[-/ ][ ]?|[.,] ?|)(?:de |d'|of |del )?"
    weekday = "(?:[^\\W\\d_]+[.]?,? )?" if order != "ymd" else ""
    weekday = "(?:\\pL+[.]?,? )?" if weekday else ""
    ordered = {"d": day, "m": month, "y": year}
    pattern = gap.join(ordered[letter] for letter in order)
    if time:
        clock = f"({_CLOCK})" if time == "clock" else f"({_HALF_CLOCK}) ?([AaPp])[.]?[Mm][.]?"
        pattern += f"{_BETWEEN}{clock}"
    sql_pattern = _quoted(f"^{weekday}{pattern}$")
    place = {letter: order.index(letter) + 1 for letter in order}
    listed = ", ".join(_quoted(name) for name, _ in names)
    numbers = ", ".join(f"'{month:02d}'" for _, month in names)
    extracted = {letter: f"regexp_extract(@, {sql_pattern}, {number})" for letter, number in place.items()}
    century = (
        f"CASE WHEN strlen({extracted['y']}) = 4 THEN '' WHEN {extracted['y']} < '{_PIVOT}' THEN '20' ELSE '19' END"
    )
    month_number = f"list_extract([{numbers}], list_position([{listed}], lower({extracted['m']})))"
    normal = f"{century} || {extracted['y']} || '-' || {month_number} || '-' || {extracted['d']}"
    if time:
        normal += f" || ' ' || regexp_extract(@, {sql_pattern}, 4)"
    if time == "half":
        normal += f" || ' ' || regexp_extract(@, {sql_pattern}, 5) || 'M'"
    sql_type = "TIMESTAMP" if time else "DATE"
    converts = f"CAST(@ AS {sql_type})"
    accepts = f"TRY_CAST(@ AS {sql_type}) IS NOT NULL"
    if time == "half":
        converts = "try_strptime(upper(@), ['%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p'])"
        accepts = f"{converts} IS NOT NULL"
    return Kind(
        "timestamp_month_name" if time else "date_month_name",
        sql_type,
        accepts,
        converts,
        weekday.replace("\\pL", "[^\\W\\d_]") + pattern,
        f"CASE WHEN regexp_matches(@, {sql_pattern}) THEN {normal} END",
        format=f"{order.upper()} with the names of months ({language})",
    )


@cache
def _short_time() -> Kind:
    """Return the kind of times whose hours may have one digit."""
    return Kind("time", "TIME", "TRY_CAST(@ AS TIME) IS NOT NULL", "CAST(@ AS TIME)", _CLOCK,
                f"CASE WHEN regexp_full_match(@, {_quoted(_CLOCK)}) THEN @ END", format="h:mm")  # fmt: skip


@cache
def _half_time() -> Kind:
    parsed = "try_strptime(upper(@), ['%I:%M:%S %p', '%I:%M %p'])"
    pattern = f"({_HALF_CLOCK}) ?([AaPp])[.]?[Mm][.]?"
    normal = (
        f"CASE WHEN regexp_full_match(@, {_quoted(pattern)}) "
        f"THEN regexp_replace(@, {_quoted(f'^{pattern}$')}, '\\1 \\2M') END"
    )
    return Kind("time", "TIME", f"{parsed} IS NOT NULL", f"CAST({parsed} AS TIME)", pattern, normal, format="hh:mm AM")


@cache
def _long_time() -> Kind:
    """Return the kind of durations as hours, minutes and seconds; hours may exceed a day. The value is in seconds."""
    parts = "[CAST(part AS DECIMAL(18,6)) FOR part IN string_split(ltrim(@, '-'), ':')]"
    seconds = f"({parts}[1] * 3600 + {parts}[2] * 60 + {parts}[3]) * (CASE WHEN @[1] = '-' THEN -1 ELSE 1 END)"
    normal = f"CASE WHEN regexp_full_match(@, {_quoted(_LONG_TIME.pattern)}) THEN @ END"
    return Kind("duration", "DECIMAL(18,6)", "true", f"CAST({seconds} AS DECIMAL(18,6))", _LONG_TIME.pattern, normal,
                format="h:mm:ss", unit="s")  # fmt: skip


@cache
def _iso_duration() -> Kind:
    """Return the kind of ISO 8601 durations without years and months. The value is in seconds."""

    def part(letter: str) -> str:
        return f"coalesce(TRY_CAST(regexp_extract(@, '([0-9.]+){letter}', 1) AS DECIMAL(18,6)), 0)"

    clock = "regexp_extract(@, 'T.*')"
    seconds = (
        f"({part('D')} * 86400 + {part('H')} * 3600 + {part('M').replace('@', clock)} * 60 + {part('S')}) "
        "* (CASE WHEN @[1] = '-' THEN -1 ELSE 1 END)"
    )
    normal = f"CASE WHEN regexp_full_match(@, {_quoted(_ISO_DURATION)}) AND regexp_matches(@, '[0-9]') THEN @ END"
    return Kind("duration", "DECIMAL(18,6)", "true", f"CAST({seconds} AS DECIMAL(18,6))", _ISO_DURATION, normal,
                format="ISO 8601", unit="s")  # fmt: skip


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
