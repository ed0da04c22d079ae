"""What a column is for where its values mean nothing by themselves: identifier, code, flag, category, text, measure."""

import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen
from quality_svc.semantics.naming import INSIDE, PART
from quality_svc.semantics.units import unit_in_values

_CODE: Final = re.compile(r"(?=.*[\dA-Z])[A-Z\d][A-Z\d ._/:-]{0,24}")
_KEY: Final = re.compile(r"[\w.:/@#-]{1,64}")
_FLAGS: Final = frozenset(
    " ".join(sorted(pair.split()))
    for pair in (
        "y n", "yes no", "true false", "t f", "j n", "ja nein", "o n", "oui non", "s n", "si no", "sí no", "sim nao",
        "sim não", "0 1", "on off", "да нет", "tak nie", "ano ne", "evet hay\u0131r",
        "是 否", "はい いいえ", "yes", "no",
    )
)  # fmt: skip
_UNIQUE: Final = 0.98
_SURELY_UNIQUE: Final = 0.9999
_FEW: Final = 20
_MOSTLY: Final = 0.9
_SHORT: Final = 6
_CATEGORIES: Final = 50
_LONG_TEXT: Final = 40.0


def role(seen: Seen) -> Recognized | None:
    """Return what the column is for, with a low confidence where only its kind says so."""
    if seen.kind == "boolean" or _is_flag(seen):
        return Recognized("flag", 0.95, 1.0, ("kind",) if seen.kind == "boolean" else ("values",))
    return _identifier(seen) or (_of_text(seen) if seen.is_text else _of_numbers(seen))


def _is_flag(seen: Seen) -> bool:
    if not seen.is_text or not 1 <= seen.distinct <= 2:  # noqa: PLR2004 - sides of a flag
        return False
    return " ".join(sorted(value.strip().lower() for value, _ in seen.values)) in _FLAGS


def _identifier(seen: Seen) -> Recognized | None:
    """Recognize unique whole numbers or words without blanks; the surer, the more the name says so."""
    named = seen.names.strength(vocabulary.IDENTIFIER)
    few = 5
    if seen.count < few or seen.uniqueness < _UNIQUE or not (seen.is_text or seen.is_whole):
        return _reference(seen)
    if seen.is_text:
        keyed = seen.share(_KEY.fullmatch)
        coded = seen.share(lambda value: any(map(str.isdigit, value)) or value.isupper())
        if min(keyed, coded) < 0.9:  # noqa: PLR2004
            return None
        return Recognized("identifier", 0.7 + 0.25 * named, keyed, ("name", "values") if named else ("values",))
    counted = seen.lowest is not None and seen.highest is not None and seen.highest - seen.lowest < 1.05 * seen.count
    if not named and not (counted and seen.uniqueness >= _SURELY_UNIQUE and seen.count >= _FEW):
        return None
    sure = 0.7 + 0.25 * named if named >= PART else 0.65
    return Recognized("identifier", sure, seen.uniqueness, ("name", "values") if named else ("values",),
                      "counter" if counted else None)  # fmt: skip


def _reference(seen: Seen) -> Recognized | None:
    """Keys that repeat: another table's identifier, as its name says."""
    last = {words[-1] for words in seen.names.said}
    if not last & {"id", "ids", "uid", "key", "fk", "ref"} or not (seen.is_text or seen.is_whole):
        return None
    keyed = seen.share(_KEY.fullmatch) if seen.is_text else 1.0
    return Recognized("identifier", 0.75, keyed, ("name", "values"), "reference") if keyed > 0.9 else None  # noqa: PLR2004


def _of_text(seen: Seen) -> Recognized:
    words = seen.share_of_values(lambda value: len(value.split()) >= 5)  # noqa: PLR2004 - a sentence
    named = seen.names.strength(vocabulary.FREE_TEXT)
    if (seen.mean_length > _LONG_TEXT and words > 0.5) or (named >= PART and words > 0.3):  # noqa: PLR2004
        confidence = 0.95 if named else 0.8
        return Recognized("free_text", confidence, words, ("name", "values") if named else ("values",))
    called = seen.names.strength(vocabulary.CODE) >= PART
    coded = seen.share(_CODE.fullmatch)
    if coded > _MOSTLY and (called or _is_coded(seen)):
        return Recognized("code", 0.95 if called else 0.75, coded, ("name", "values") if called else ("values",))
    is_kind = seen.names.strength(vocabulary.CATEGORY)
    if seen.distinct <= _FEW or (seen.distinct <= 10 * _CATEGORIES and seen.uniqueness < 0.2):  # noqa: PLR2004
        sure = 0.6 + 0.2 * (seen.uniqueness < 0.1) + 0.15 * (is_kind > 0)  # noqa: PLR2004
        return Recognized("category", sure, 1.0, ("name", "values") if is_kind else ("values",))
    if unit_in_values(seen.values) is not None:
        return Recognized("measure", 0.8, 1.0, ("values",))
    return Recognized("free_text", 0.4 + 0.2 * min(1.0, words), words, ("values",))


def _is_coded(seen: Seen) -> bool:
    """Whether nearly all have a digit, or many differ and all are about as long, and short."""
    if seen.share(lambda value: any(map(str.isdigit, value))) > _MOSTLY:
        return True
    lengths = {len(value) for value, _ in seen.values}
    return seen.distinct > _FEW and max(lengths) - min(lengths) <= 1 and max(lengths) < _SHORT


def _of_numbers(seen: Seen) -> Recognized | None:
    if seen.kind not in {"integer", "float", "decimal"}:
        return None
    if seen.names.strength(vocabulary.CODE) > INSIDE and seen.is_whole:
        return Recognized("code", 0.8, 1.0, ("name", "kind"))
    is_kind = seen.names.strength(vocabulary.CATEGORY)
    if seen.is_whole and seen.distinct <= 10 and seen.uniqueness < 0.1 and (is_kind > INSIDE or seen.distinct <= 2):  # noqa: PLR2004
        if (seen.lowest, seen.highest) == (0, 1):
            return Recognized("flag", 0.8, 1.0, ("values",))
        return Recognized("category", 0.6 + 0.2 * is_kind, 1.0, ("name", "values") if is_kind else ("values",))
    return Recognized("measure", 0.7, None, ("kind",))
