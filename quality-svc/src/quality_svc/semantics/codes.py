"""Languages, currencies, and identifiers that are unique by construction."""

import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Evidence, Recognized, Seen, by_values
from quality_svc.semantics.registries import (
    currency_codes,
    currency_names,
    folded,
    language_codes,
    language_names,
)

_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")
_LOCALE: Final = re.compile(r"([a-z]{2,3})(?:[-_][A-Z][a-z]{3})?(?:[-_](?:[A-Z]{2}|\d{3}))?")
_MANY: Final = 4


def is_uuid(text: str) -> bool:
    """Whether text is a UUID (RFC 9562), with or without hyphens."""
    return _UUID.fullmatch(text.strip()) is not None


def uuid(seen: Seen) -> Recognized | None:
    """Recognize UUIDs."""
    return by_values("uuid", seen.share(is_uuid), 0.0) if seen.is_text else None


def language(seen: Seen) -> Recognized | None:
    """Recognize languages by code, by locale or by name; few codes only where the name says so."""
    if not seen.is_text:
        return None
    named = seen.names.strength(vocabulary.LANGUAGE)
    for scheme, codes in language_codes().items():
        share = seen.share(lambda value, codes=codes: value.strip().lower() in codes)  # type: ignore[misc]
        lower = all(value.islower() for value, _ in seen.values)
        alone = lower and seen.distinct >= 2 * _MANY and scheme == "iso-639-1" and share >= 0.95  # noqa: PLR2004
        if alone or (named and share >= 0.7):  # noqa: PLR2004
            return Recognized("language", share * (0.7 + 0.3 * named), share, _evidence(named), scheme)
    two = language_codes()["iso-639-1"]
    share = (
        seen.share(lambda value: (found := _LOCALE.fullmatch(value)) is not None and found[1] in two) if named else 0
    )
    if share >= 0.9:  # noqa: PLR2004
        return Recognized("language", 0.95 * share, share, _evidence(named), "bcp-47")
    names = language_names()
    share = seen.share(lambda value: folded(value) in names)
    return by_values("language", share, named, detail="name") if named or seen.distinct >= _MANY else None


def currency(seen: Seen) -> Recognized | None:
    """Recognize currencies by code, sign or name."""
    if not seen.is_text:
        return None
    named = seen.names.strength(vocabulary.CURRENCY)
    codes = currency_codes()
    share = seen.share(lambda value: value.strip().upper() in codes)
    if share >= 0.9 and (named or seen.distinct >= _MANY):  # noqa: PLR2004
        return Recognized("currency", share * (0.75 + 0.25 * named), share, _evidence(named), "iso-4217")
    if not named:
        return None
    names = currency_names()
    return by_values("currency", seen.share(lambda value: folded(value) in names), named, detail="name")


def _evidence(named: float) -> Evidence:
    return ("name", "values") if named else ("values",)
