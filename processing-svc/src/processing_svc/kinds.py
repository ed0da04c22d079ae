"""The kinds of values that text can hold, as SQL: what text is accepted, and how it becomes a value without loss.

One definition serves sampling, the check of whole columns, and the read itself. DuckDB's own typed reading is not used:
it rounds `1.5` into an integer column, drops leading zeros and cuts nanoseconds, all in silence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_DECIMAL_DIGITS: Final = 38
EXACT_DOUBLE_CHARACTERS: Final = 15
"""A decimal of at most 15 digits survives the way to a double and back (IEEE 754 binary64, DBL_DIG)."""
MISFIT: Final = "misfit in column "
"""Begins the error that the read raises for a value that its column's kind does not accept; the index follows."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: `accepts` and `converts` are SQL in which `@` is a column of text that is not null."""

    name: str
    sql_type: str
    accepts: str
    converts: str


def _cast(name: str, sql_type: str, accepts: str) -> Kind:
    return Kind(name, sql_type, accepts, f"CAST(@ AS {sql_type})")


def _date(name: str, formats: Sequence[str], pattern: str) -> Kind:
    parsed = f"try_strptime(@, [{', '.join(repr(item) for item in formats)}])"
    return Kind(name, "DATE", f"regexp_full_match(@, '{pattern}') AND {parsed} IS NOT NULL", f"{parsed}::DATE")


# '0' and a digit, also behind a minus, is an identifier; '+' in front a telephone number. Prefixes compare fast.
_NUMBER_LIKE = "@ >= '-' AND @ < ':' AND NOT (@ >= '00' AND @ < '0:') AND NOT (@ >= '-00' AND @ < '-0:')"
_SCIENTIFIC = "regexp_full_match(@, '-?[0-9]([.][0-9]{1,16})?[eE][-+]?[0-9]+')"
# the double, written with as many places as the text has, gives the text back
_SAME_AT_ITS_PLACES = "format('{:.{}f}', TRY_CAST(@ AS DOUBLE), strlen(split_part(@, '.', 2))::INTEGER) = @"
_DOUBLE = (
    f"CASE WHEN NOT ({_NUMBER_LIKE}) OR contains(@, '_') OR coalesce(NOT isfinite(TRY_CAST(@ AS DOUBLE)), true) "
    f"THEN false WHEN strlen(@) <= {EXACT_DOUBLE_CHARACTERS} THEN true "
    f"WHEN CAST(TRY_CAST(@ AS DOUBLE) AS VARCHAR) = @ THEN true "
    f"WHEN {_SCIENTIFIC} THEN true ELSE strlen(@) <= 40 AND contains(@, '.') AND {_SAME_AT_ITS_PLACES} END"
)
_DECIMAL = "regexp_full_match(@, '-?(0|[1-9][0-9]*)([.][0-9]+)?')"
_CLOCK = "([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_MOMENT = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
# LIKE finds the usual shapes several times faster than the pattern that decides the rest
_PLAIN_MOMENT = "(@ LIKE '____-__-__ __:__:__' OR @ LIKE '____-__-__T__:__:__' OR @ LIKE '____-__-__ __:__:__.______')"
_SLASHED = "[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4}"

BOOLEAN: Final = _cast("boolean", "BOOLEAN", "@ IN ('true', 'false', 'True', 'False', 'TRUE', 'FALSE')")
INTEGER: Final = _cast("integer", "BIGINT", "coalesce(CAST(TRY_CAST(@ AS BIGINT) AS VARCHAR) = @, false)")
WIDE_INTEGER: Final = _cast(
    "wide_integer", "DECIMAL(38,0)", "coalesce(CAST(TRY_CAST(@ AS DECIMAL(38,0)) AS VARCHAR) = @, false)"
)
DOUBLE: Final = _cast("double", "DOUBLE", _DOUBLE)
DECIMAL: Final = Kind("decimal", "DECIMAL", _DECIMAL, "")
DATE: Final = _cast("date", "DATE", "coalesce(CAST(TRY_CAST(@ AS DATE) AS VARCHAR) = @, false)")
TIMESTAMP: Final = _cast(
    "timestamp",
    "TIMESTAMP",
    f"CASE WHEN TRY_CAST(@ AS TIMESTAMP) IS NULL THEN false WHEN {_PLAIN_MOMENT} "
    f"AND NOT contains(@, '+') AND @[-3:] NOT LIKE '%-%' THEN true ELSE regexp_full_match(@, '{_MOMENT}') END",
)
TIMESTAMP_ZONE: Final = _cast(
    "timestamp_with_zone",
    "TIMESTAMP WITH TIME ZONE",
    f"regexp_full_match(@, '{_MOMENT} ?{_ZONE}') AND TRY_CAST(@ AS TIMESTAMP WITH TIME ZONE) IS NOT NULL",
)
TIME: Final = _cast("time", "TIME", f"regexp_full_match(@, '{_CLOCK}') AND TRY_CAST(@ AS TIME) IS NOT NULL")
DATE_YEAR_FIRST: Final = _date("date_year_first", ["%Y/%m/%d", "%Y.%m.%d"], "[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}")
DATE_DOTTED: Final = _date("date_day_first_dotted", ["%d.%m.%Y"], "[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}")
DATE_DAY_FIRST: Final = _date("date_day_first", ["%d/%m/%Y", "%d-%m-%Y"], _SLASHED)
DATE_MONTH_FIRST: Final = _date("date_month_first", ["%m/%d/%Y", "%m-%d-%Y"], _SLASHED)

KINDS: Final = (
    BOOLEAN, INTEGER, WIDE_INTEGER, DOUBLE, DECIMAL, DATE, TIMESTAMP, TIMESTAMP_ZONE, TIME, DATE_YEAR_FIRST,
    DATE_DOTTED, DATE_DAY_FIRST, DATE_MONTH_FIRST,
)  # fmt: skip
"""In order of preference: the first that accepts every value of a column is the column's kind; text, if none does."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a column of text: which kinds accept every value, and how its decimals are shaped."""

    values: int
    kinds: tuple[Kind, ...] = KINDS
    padded: bool = False
    integer_digits: int = 0
    fraction_digits: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column of text is read: the kind, the SQL that accepts and converts, and a remark for people."""

    kind: str
    accepts: str = "true"
    converts: str = "@"
    note: str | None = None
    padded: bool = False

    def expression(self, column: str, index: int) -> str:
        """Return SQL for the value of `column`; text that does not fit raises an error that names `index`."""
        if self.kind == TEXT.kind:
            return column
        return (
            f"CASE WHEN {column} IS NULL THEN NULL WHEN {self.accepts.replace('@', column)} "
            f"THEN {self.converts.replace('@', column)} ELSE error('{MISFIT}{index}' || left({column}, 0)) END"
        )


TEXT: Final = Reading("text")
EMPTY: Final = Reading("empty", "false", "NULL::VARCHAR")
"""A column in which nothing was seen: text without values; one that turns up is a misfit."""


def evidence_columns(column: str, kinds: Iterable[Kind]) -> list[str]:
    """Return the aggregates over one column of text that `evidence_from` reads."""
    trimmed = f"nullif(trim({column}), '')"
    found = [f"count({column})", f"coalesce(bool_or({column} <> trim({column})), false)"]
    for kind in kinds:
        accepted = kind.accepts.replace("@", trimmed)
        found.append(f"coalesce(bool_and(CASE WHEN {trimmed} IS NULL THEN true ELSE {accepted} END), true)")
        if kind is DECIMAL:
            point = f"strpos({trimmed}, '.')"
            found.append(f"coalesce(max(CASE WHEN {point} > 0 THEN {point} - 1 ELSE strlen({trimmed}) END), 0)")
            found.append(f"coalesce(max(CASE WHEN {point} > 0 THEN strlen({trimmed}) - {point} ELSE 0 END), 0)")
    return found


def evidence_from(answers: Sequence[object], kinds: Sequence[Kind]) -> Evidence:
    """Build the evidence of one column from the values of its `evidence_columns`."""
    values, padded, *rest = answers
    integer_digits = fraction_digits = 0
    accepted = []
    for kind in kinds:
        if rest.pop(0):
            accepted.append(kind)
        if kind is DECIMAL:
            integer_digits, fraction_digits = int(str(rest.pop(0))), int(str(rest.pop(0)))
    return Evidence(int(str(values)), tuple(accepted), bool(padded), integer_digits, fraction_digits)


def reading_of(evidence: Evidence) -> Reading:
    """Decide how a column is read. Where no value tells day from month, it stays text, with a note."""
    if evidence.values == 0:
        return EMPTY
    for kind in evidence.kinds:
        if kind is DECIMAL and evidence.integer_digits + evidence.fraction_digits > MAX_DECIMAL_DIGITS:
            continue
        if kind is DATE_DAY_FIRST and DATE_MONTH_FIRST in evidence.kinds:
            return Reading(TEXT.kind, note="ambiguous_day_month")
        return _reading(kind, evidence)
    return TEXT


def _reading(kind: Kind, evidence: Evidence) -> Reading:
    accepts, converts = kind.accepts, kind.converts
    if kind is DECIMAL:
        digits = evidence.fraction_digits
        # bounds that the sample showed: a later value with more digits must not be rounded
        accepts = f"{_DECIMAL} AND strlen(split_part(@, '.', 2)) <= {digits}"
        converts = f"CAST(@ AS DECIMAL({MAX_DECIMAL_DIGITS},{digits}))"
    if evidence.padded:
        trimmed = "nullif(trim(@), '')"
        accepts = f"CASE WHEN {trimmed} IS NULL THEN true ELSE {accepts.replace('@', trimmed)} END"
        converts = converts.replace("@", trimmed)
    return Reading(kind.name, accepts, converts, padded=evidence.padded)
