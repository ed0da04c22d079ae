"""The kinds of values that text can hold, as SQL: what text is accepted, and how it becomes a value without loss.

One definition serves sampling, the check of whole columns, and the read itself. DuckDB's own typed reading is not used:
it rounds `1.5` into an integer column, drops leading zeros and cuts nanoseconds, all in silence. Kinds that depend on a
locale are made for the texts at hand, in `text.numbers` and `text.moments`. What is decided of a column is in
`text.deciding`.
"""

from dataclasses import dataclass
from typing import Final

from processing_svc.text.nulls import spelled_sql, trimmed_sql

MAX_DECIMAL_DIGITS: Final = 38
EXACT_DOUBLE_CHARACTERS: Final = 15
"""A decimal of at most 15 digits survives the way to a double and back (IEEE 754 binary64, DBL_DIG)."""
MISFIT: Final = "misfit in column "
"""Begins the error that the read raises for a value that its column's kind does not accept; the index follows."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: `accepts` and `converts` are SQL in which `@` is a column of text that is not null.

    `shape`: a pattern that every accepted text matches. `normal`: SQL that turns a text `@` into the form that
    `accepts` and `converts` mean by `@`, or null. `hint`: an SQL aggregate over texts `@` that speaks for the kind.
    `point` is the decimal separator and `group` the thousands separator of a number, `order` that of day, month and
    year. `format` is how people write it.
    """

    name: str
    sql_type: str
    accepts: str
    converts: str
    shape: str
    normal: str | None = None
    hint: str | None = None
    format: str | None = None
    unit: str | None = None
    point: str | None = None
    group: str | None = None
    order: str | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is one of numbers."""
        return self.name in NUMBERS


def _cast(name: str, sql_type: str, accepts: str, shape: str, point: str | None = None) -> Kind:
    return Kind(name, sql_type, accepts, f"CAST(@ AS {sql_type})", shape, point=point)


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
_NANO_MOMENT = "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
# LIKE finds the usual shapes several times faster than the pattern that decides the rest
_PLAIN_MOMENT = "(@ LIKE '____-__-__ __:__:__' OR @ LIKE '____-__-__T__:__:__' OR @ LIKE '____-__-__ __:__:__.______')"

BOOLEAN: Final = _cast(
    "boolean", "BOOLEAN", "@ IN ('true', 'false', 'True', 'False', 'TRUE', 'FALSE')", "true|false|True|False|TRUE|FALSE"
)
INTEGER: Final = _cast(
    "integer", "BIGINT", "coalesce(CAST(TRY_CAST(@ AS BIGINT) AS VARCHAR) = @, false)", "0|-?[1-9][0-9]{0,18}"
)
WIDE_INTEGER: Final = _cast(
    "wide_integer", "DECIMAL(38,0)", "coalesce(CAST(TRY_CAST(@ AS DECIMAL(38,0)) AS VARCHAR) = @, false)",
    "0|-?[1-9][0-9]{0,37}",
)  # fmt: skip
DOUBLE: Final = _cast("double", "DOUBLE", _DOUBLE, r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?", ".")
DECIMAL: Final = Kind("decimal", "DECIMAL", _DECIMAL, "", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", point=".")
DATE: Final = _cast(
    "date", "DATE", "coalesce(CAST(TRY_CAST(@ AS DATE) AS VARCHAR) = @, false)", "[0-9]{4}-[0-9]{2}-[0-9]{2}"
)
TIMESTAMP: Final = _cast(
    "timestamp",
    "TIMESTAMP",
    f"CASE WHEN TRY_CAST(@ AS TIMESTAMP) IS NULL THEN false WHEN {_PLAIN_MOMENT} "
    f"AND NOT contains(@, '+') AND @[-3:] NOT LIKE '%-%' AND @[12:13] < '24' THEN true "
    f"ELSE regexp_full_match(@, '{_MOMENT}') END",
    _MOMENT,
)
TIMESTAMP_NANO: Final = _cast(
    "timestamp_nanoseconds",
    "TIMESTAMP_NS",
    f"regexp_full_match(@, '{_NANO_MOMENT}') AND TRY_CAST(@ AS TIMESTAMP_NS) IS NOT NULL",
    _NANO_MOMENT,
)
TIMESTAMP_ZONE: Final = _cast(
    "timestamp_with_zone",
    "TIMESTAMP WITH TIME ZONE",
    f"regexp_full_match(@, '{_MOMENT} ?{_ZONE}') AND TRY_CAST(@ AS TIMESTAMP WITH TIME ZONE) IS NOT NULL",
    f"{_MOMENT} ?{_ZONE}",
)
TIME: Final = _cast("time", "TIME", f"regexp_full_match(@, '{_CLOCK}') AND TRY_CAST(@ AS TIME) IS NOT NULL", _CLOCK)

KINDS: Final = (
    BOOLEAN, INTEGER, WIDE_INTEGER, DOUBLE, DECIMAL, DATE, TIMESTAMP, TIMESTAMP_NANO, TIMESTAMP_ZONE, TIME,
)  # fmt: skip
"""Kinds that need no locale, in order of preference: the first that accepts every value is the column's."""
NUMBERS: Final = frozenset({"integer", "wide_integer", "double", "decimal"})


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column of text is read: the kind, SQL that accepts and converts its normal form, remarks for people.

    `padded`: blanks surround values. `spelled`: some texts stand for null. `lenient`: a value that does not fit becomes
    null and is kept apart; else it ends the read. `proven`: every value was converted once already.
    """

    kind: str
    accepts: str = "true"
    converts: str = "@"
    note: str | None = None
    padded: bool = False
    spelled: bool = False
    lenient: bool = False
    normal: str | None = None
    format: str | None = None
    unit: str | None = None
    proven: bool = False

    @property
    def has_leftovers(self) -> bool:
        """Whether texts may become null that are not empty."""
        return self.spelled or self.lenient

    def prepared(self, column: str) -> str:
        """Return SQL for the text that `accepts` is about: without blanks, null where it stands for null."""
        if self.kind == TEXT.kind or not (self.padded or self.spelled):
            return column
        text = trimmed_sql(column)
        return f"CASE WHEN {spelled_sql(text)} THEN NULL ELSE {text} END" if self.spelled else text

    def expression(self, text: str, normal: str, index: int) -> str:
        """Return SQL for the value of a prepared text and its normal form.

        Text that does not fit becomes null where the reading is lenient, else an error that names `index`.
        """
        if self.kind == TEXT.kind:
            return text
        otherwise = "NULL" if self.lenient else f"error('{MISFIT}{index}' || left({text}, 0))"
        fits = self.accepts.replace("@", normal)
        value = self.converts.replace("@", normal)
        return f"CASE WHEN {text} IS NULL THEN NULL WHEN {fits} THEN {value} ELSE {otherwise} END"

    def leftover(self, column: str, text: str, normal: str) -> str:
        """Return SQL for the text of `column` where it is not blank and gives no value."""
        given = f"{trimmed_sql(column)} IS NOT NULL"
        fits = f"coalesce({text} IS NOT NULL AND ({self.accepts.replace('@', normal)}), false)"
        return f"CASE WHEN {given} AND NOT {fits} THEN {column} END"


TEXT: Final = Reading("text")
EMPTY: Final = Reading("empty", "false", "NULL::VARCHAR", padded=True)
"""A column in which nothing was seen: text without values; one that turns up is a misfit."""
