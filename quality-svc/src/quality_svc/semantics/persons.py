"""Names of persons: by the column's name, where the values look like names."""

# ruff: noqa: E501, RUF001 - tables of words
import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name
from quality_svc.semantics.given_names import GIVEN

_NAME: Final = re.compile(r"[^\W\d_][^\W\d_]*(?:[ ,.'’`-]{1,3}[^\W\d_]+){0,6}[.,]?")
_TITLED: Final = re.compile(
    r"(?:[^,]+, )?(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Mlle|M|Sr|Sra|Don|Dña|Sig|г-н)\.? [^\W\d_].+"
)
_OF_THINGS: Final = frozenset(
    ["file", "product", "company", "firm", "station", "city", "country", "brand", "model", "store", "shop", "school", "team", "variable", "column", "table", "dataset", "project", "host", "server", "domain", "field", "class", "category", "region", "street", "item", "event", "species", "disease", "hospital", "river", "bank", "org", "organisation", "organization"]
)  # fmt: skip


_FULL: Final = re.compile(r"(?:[^\W\d_][\w.'-]*,? ){1,4}[^\W\d_][\w.'-]*")
_KNOWN_SHARE: Final = 0.25
_LONGEST: Final = 40


def has_given_name(text: str) -> bool:
    """Whether a text of two to five words has a frequent given name among them."""
    words = text.replace(",", " ").replace("-", " ").split()
    return 2 <= len(words) <= 5 and any(word.lower() in GIVEN for word in words) and _FULL.fullmatch(text) is not None  # noqa: PLR2004


def person_name(seen: Seen) -> Recognized | None:
    """Recognize names of persons: under a telling name of the column, by titles, or by given names among them."""
    if not seen.is_text:
        return None
    titled = seen.share(_TITLED.fullmatch)
    if titled > 0.8:  # noqa: PLR2004
        return Recognized("person_name", 0.85 * titled, titled, ("values",))
    of_things = any(word in _OF_THINGS for words in seen.names.said for word in words)
    named = 0.0 if of_things else seen.names.strength(vocabulary.PERSON_NAME)
    if named:
        return by_name("person_name", seen.share(_NAME.fullmatch), named, least=0.7)
    known, whole = seen.share_of_values(has_given_name), seen.share_of_values(_FULL.fullmatch)
    if known >= _KNOWN_SHARE and whole > 0.8 and seen.mean_length < _LONGEST and not of_things:  # noqa: PLR2004
        return Recognized("person_name", round(0.5 + 0.4 * min(1.0, 2 * known), 3), whole, ("values",))
    return None
