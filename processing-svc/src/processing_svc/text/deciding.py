"""What is decided of a column of text: from the evidence of its values, and of its neighbours, to how it is read.

Rules, in this order:
- The first kind that accepts every value wins. Where none does, the one that refuses the fewest, if it refuses less
  than one in a thousand and no refused value is an identifier (leading zeros, a plus in front): the refused values are
  quarantined. Otherwise the column is text.
- Where the values leave open which comes first, day or month, the other columns of the table decide, if they agree;
  otherwise the column stays text. The same holds for `1,234`, which may be a thousand or a fraction.
- What a column's name calls an identifier (telephone, postal code, IBAN, ...) stays text, and so do whole numbers of 22
  and more digits that all have the same length, and numbers in groups that all have the same length.
"""

# ruff: noqa: E501, SIM905 - a list of many short words
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from processing_svc.kinds import (
    DECIMAL,
    EMPTY,
    INTEGER,
    KINDS,
    MAX_DECIMAL_DIGITS,
    TEXT,
    Kind,
    Reading,
)

VALUES_PER_BAD_ONE: Final = 1000
"""A column keeps its kind with one value that does not fit in more than so many."""
IDENTIFIER_DIGITS: Final = 22
GROUPED_IDENTIFIER_CHARACTERS: Final = 9
GROUPED_EVIDENCE: Final = 3
NOTES: Final[Mapping[str, str]] = {
    "ambiguous_day_month": "no value tells the day from the month; kept as text",
    "day_month_by_other_columns": "no value tells the day from the month; read as in the other columns of the table",
    "ambiguous_separator": "no value tells thousands from fractions; kept as text",
    "separator_by_other_columns": "no value tells thousands from fractions; read as in the other columns of the table",
    "identifier": "these numbers name things; kept as text",
}
"""What a reading's note means."""
_IDENTIFIERS: Final = frozenset(
    "zip zipcode postal postcode plz postleitzahl cap cep cp codigopostal codepostal postnummer postnr psc phone "
    "telephone tel telefon telefono telefone téléphone telefoon fax mobile handy cell iban bic swift isbn issn ean gtin upc "
    "vat ust siren siret nif ssn imei iccid msisdn orcid".split()
)
_WORD: Final = re.compile(r"[^\W_]+")
_CASE: Final = re.compile(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Ý])")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a column of text.

    `values` counts what is neither blank nor a spelling of null (those are `spelled`). `kinds` accept every value;
    `refused` says how many values other kinds refuse. `hints`: kinds that the values speak for. `digits`: most digits
    before and after the point, for kinds of decimals. `proven`: the first kind was tried on every value.
    """

    values: int
    kinds: tuple[Kind, ...] = KINDS
    padded: bool = False
    spelled: int = 0
    refused: Mapping[Kind, int] = field(default_factory=dict)
    hints: frozenset[Kind] = frozenset()
    digits: Mapping[Kind, tuple[int, int]] = field(default_factory=dict)
    identifier: bool = False
    shortest: int = 0
    longest: int = 0
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Locale:
    """What the other columns of a table agree on: the decimal separator, and the order of day, month and year."""

    point: str | None = None
    order: str | None = None


def decide(evidence: Sequence[Evidence], names: Sequence[str | None] = ()) -> list[Reading]:
    """Decide how the columns of a table are read; `names` are those of its header, as far as it has them."""
    locale = _locale_of(evidence)
    named = [is_identifier_name(name) for name in names] + [False] * (len(evidence) - len(names))
    return [reading_of(item, locale, identifier=named[index]) for index, item in enumerate(evidence)]


def reading_of(evidence: Evidence, locale: Locale | None = None, *, identifier: bool = False) -> Reading:
    """Decide how a column is read."""
    if evidence.values == 0:
        return EMPTY if evidence.spelled == 0 else TEXT
    kind, note = _choose(evidence, locale or Locale())
    if kind is None:
        return TEXT if note is None else Reading(TEXT.kind, note=note)
    if _is_identifier(kind, evidence, named=identifier):
        return Reading(TEXT.kind, note="identifier")
    return reading_by(kind, evidence, note)


def reading_by(kind: Kind, evidence: Evidence, note: str | None = None) -> Reading:
    """Return how a column of this evidence is read as this kind."""
    accepts, converts = kind.accepts, kind.converts
    if kind.name == DECIMAL.name:
        digits = evidence.digits.get(kind, (0, 0))[1]
        # bounds that the sample showed: a later value with more digits must not be rounded
        accepts = f"{kind.accepts} AND strlen(split_part(@, '.', 2)) <= {digits}"
        converts = f"CAST(@ AS DECIMAL({MAX_DECIMAL_DIGITS},{digits}))"
    return Reading(
        kind.name,
        accepts,
        converts,
        note=note,
        padded=evidence.padded,
        spelled=evidence.spelled > 0,
        lenient=evidence.refused.get(kind, 0) > 0,
        normal=kind.normal,
        format=kind.format,
        unit=kind.unit,
        proven=evidence.proven,
    )


def is_undecided(evidence: Evidence) -> bool:
    """Whether the values seen leave open what the column is, so that every value has to be asked."""
    if evidence.values == 0:
        return False
    return (not evidence.kinds and _nearly(evidence) is not None) or _is_open(evidence)


def is_identifier_name(name: str | None) -> bool:
    """Whether a column's name says that its values name things, however numeric they look."""
    words = [word.lower() for word in _WORD.findall(_CASE.sub(" ", name or ""))]
    return any(word in _IDENTIFIERS for word in words) or "".join(words) in _IDENTIFIERS


def _choose(evidence: Evidence, locale: Locale) -> tuple[Kind | None, str | None]:
    possible = [kind for kind in evidence.kinds if _fits(kind, evidence)]
    if not possible:
        return _nearly(evidence), None
    orders = {kind.order for kind in possible if kind.order}
    first = possible[0]
    if first.order and len(orders) > 1:
        chosen = next((kind for kind in possible if kind.order == locale.order), None)
        return (chosen, "day_month_by_other_columns") if chosen else (None, "ambiguous_day_month")
    return _by_separators(possible, evidence, locale) if first.is_number else (first, None)


def _by_separators(possible: Sequence[Kind], evidence: Evidence, locale: Locale) -> tuple[Kind | None, str | None]:
    """Choose between thousands and fractions, where `1.234` or `1,234` may be either."""
    first = possible[0]
    points = [kind for kind in possible if kind.is_number and kind.group in {".", ",", None}]
    rivals = {point: next((kind for kind in points if kind.point == point), None) for point in (".", ",")}
    other = rivals["," if first.point == "." else "."]
    if first.point is None or other is None or other.point == first.point:
        return first, None
    grouped = first if first.group else other if other.group else None
    if grouped is None:
        return first, None
    simple = other if grouped is first else first
    if grouped in evidence.hints and evidence.values >= GROUPED_EVIDENCE:
        return grouped, None
    if locale.point is not None:
        chosen = grouped if grouped.point == locale.point else simple
        return chosen, "separator_by_other_columns" if chosen is not simple or simple.point == "," else None
    return (simple, None) if simple.point == "." else (None, "ambiguous_separator")


def _is_open(evidence: Evidence) -> bool:
    possible = [kind for kind in evidence.kinds if _fits(kind, evidence)]
    if not possible:
        return False
    if possible[0].order and len({kind.order for kind in possible if kind.order}) > 1:
        return True
    kind, note = _choose(evidence, Locale())
    return note is not None or (kind is not None and kind is not possible[0])


def _fits(kind: Kind, evidence: Evidence) -> bool:
    if kind.name == DECIMAL.name and sum(evidence.digits.get(kind, (0, 0))) > MAX_DECIMAL_DIGITS:
        return False
    return kind.name != "boolean" or kind.hint is None or kind in evidence.hints


def _nearly(evidence: Evidence) -> Kind | None:
    """Return the kind that refuses so few values that they can be quarantined."""
    rare = [
        (count, number, kind)
        for number, (kind, count) in enumerate(evidence.refused.items())
        if count * VALUES_PER_BAD_ONE < evidence.values
        and _fits(kind, evidence)
        and not (kind.is_number and evidence.identifier)
    ]
    fewest = min(rare, key=lambda item: item[:2], default=None)
    if fewest is None:
        return None
    kind = fewest[2]
    tied = {other.order for count, _, other in rare if count == fewest[0] and other.order}
    tied_points = {other.point for count, _, other in rare if count == fewest[0] and other.is_number}
    return None if (kind.order and len(tied) > 1) or (kind.group and len(tied_points) > 1) else kind


def _is_identifier(kind: Kind, evidence: Evidence, *, named: bool) -> bool:
    if not kind.is_number:
        return False
    whole = kind.name in {INTEGER.name, "wide_integer"}
    same_length = evidence.shortest == evidence.longest and evidence.values > 1
    if whole and kind.normal is None:
        return named or (same_length and evidence.longest >= IDENTIFIER_DIGITS)
    if whole and kind.group == " ":
        return named or (same_length and evidence.longest >= GROUPED_IDENTIFIER_CHARACTERS)
    return named and whole and kind.unit is None


def _locale_of(evidence: Iterable[Evidence]) -> Locale:
    points, orders = set(), set()
    for item in evidence:
        if item.values == 0 or not item.kinds:
            continue
        kind, note = _choose(item, Locale())
        if kind is not None and note is None and not is_contested(item):
            points.add(kind.point)
            orders.add(kind.order)
    points.discard(None)
    orders.discard(None)
    return Locale(next(iter(points)) if len(points) == 1 else None, next(iter(orders)) if len(orders) == 1 else None)


def is_contested(evidence: Evidence) -> bool:
    """Whether no value rules out that a number's separator is that of thousands, or that it is not."""
    numbers = [kind for kind in evidence.kinds if kind.is_number and kind.point is not None]
    return len({kind.point for kind in numbers}) > 1
