"""Data about persons, by column and kind (GDPR Articles 4 and 9): for finding it, never for telling a value."""

from typing import Final, Literal, NamedTuple

from quality_svc.profile.document import Personal
from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen
from quality_svc.semantics.naming import INSIDE, WHOLE

PersonalKind = Literal["health", "belief", "origin", "credentials", "gender", "user_name", "device"]

_Kind = Literal[
    "email", "phone", "name", "iban", "payment_card", "national_id", "date_of_birth", "address", "ip_address"
]  # fmt: skip
_BY_TYPE: Final[dict[str, _Kind]] = {
    "email": "email", "phone": "phone", "person_name": "name", "iban": "iban", "payment_card": "payment_card",
    "national_id": "national_id", "date_of_birth": "date_of_birth", "address": "address", "ip_address": "ip_address",
}  # fmt: skip


class _Concept(NamedTuple):
    kind: PersonalKind
    vocabulary: frozenset[str]
    least: float
    confidence: float
    special: bool = False


_BY_NAME: Final = (
    _Concept("credentials", vocabulary.CREDENTIALS, WHOLE, 0.8),
    _Concept("health", vocabulary.HEALTH, INSIDE, 0.7, special=True),
    _Concept("belief", vocabulary.BELIEF, INSIDE, 0.8, special=True),
    _Concept("origin", vocabulary.ORIGIN, WHOLE, 0.7, special=True),
    _Concept("gender", vocabulary.GENDER, INSIDE, 0.9),
    _Concept("user_name", vocabulary.USER_NAME, INSIDE, 0.7),
    _Concept("device", vocabulary.DEVICE, INSIDE, 0.7),
)
_FEW: Final = 15
_OLDEST: Final = 125
_OF_PERSONS: Final = (
    "home",
    "person",
    "patient",
    "customer",
    "user",
    "employee",
    "student",
    "kunde",
    "patient",
    "wohn",
    "client",
    "usuario",
)


def personal_data(seen: Seen, recognized: Recognized | None) -> Personal | None:
    """Return the kind of personal data that a column seems to hold."""
    if recognized is not None and recognized.type in _BY_TYPE:
        detail = recognized.detail if recognized.type in {"national_id", "phone", "ip_address"} else None
        return Personal(kind=_BY_TYPE[recognized.type], confidence=min(1.0, recognized.confidence), detail=detail)
    if recognized is not None and recognized.type in {"latitude", "longitude"} and seen.names.has(*_OF_PERSONS):
        return Personal(kind="location", confidence=0.7)
    age = seen.names.strength(vocabulary.AGE)
    if age == WHOLE and seen.lowest is not None and seen.lowest >= 0 and (seen.highest or 0) <= _OLDEST:
        return Personal(kind="age", confidence=0.8)
    for concept in _BY_NAME:
        strength = seen.names.strength(concept.vocabulary)
        if strength >= concept.least and _fits(concept.kind, seen):
            return Personal(
                kind=concept.kind, confidence=round(concept.confidence * strength, 3), special=concept.special
            )
    return None


def _fits(kind: PersonalKind, seen: Seen) -> bool:
    """Whether the values can be of the kind: few of a gender, texts of names."""
    if kind == "gender":
        return seen.distinct <= _FEW and seen.kind in {"text", "integer", "boolean"}
    if kind in {"credentials", "user_name", "device", "belief", "origin"}:
        return seen.is_text or seen.is_whole
    return True
