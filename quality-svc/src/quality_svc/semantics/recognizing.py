"""All recognizers of semantic types asked about one column; the surest answer wins."""

from collections.abc import Callable
from typing import Final

from quality_svc.semantics import codes, contacts, moments, numbers, persons, places
from quality_svc.semantics.column import Recognized, Seen
from quality_svc.semantics.roles import role

RECOGNIZERS: Final[tuple[Callable[[Seen], Recognized | None], ...]] = (
    contacts.email, contacts.url, contacts.machine, codes.uuid, numbers.account, numbers.payment_card,
    numbers.national_id, moments.date_of_birth, moments.date_part, places.latitude, places.longitude, contacts.phone,
    places.postal_code, places.country, codes.language, codes.currency, persons.person_name, places.address,
    places.city,
)  # fmt: skip
"""In the order in which they win where they are equally sure: what has a check digit before what has a shape."""
_CERTAIN: Final = 0.97


def recognize(seen: Seen) -> Recognized | None:
    """Return what the column is about; None of no values, and of kinds that say nothing."""
    if not seen.values:
        return None
    best: Recognized | None = None
    for recognizer in RECOGNIZERS:
        found = recognizer(seen)
        if found is not None and (best is None or found.confidence > best.confidence):
            best = found
        if best is not None and best.confidence >= _CERTAIN:
            return best
    least = 0.5
    if best is not None and best.confidence >= least:
        return best
    return moments.point_in_time(seen) or role(seen)
