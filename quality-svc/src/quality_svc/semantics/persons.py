"""Names of persons: by the column's name, where the values look like names."""

# ruff: noqa: E501, RUF001 - tables of words
import re
from typing import Final

from quality_svc.semantics import vocabulary
from quality_svc.semantics.column import Recognized, Seen, by_name

_NAME: Final = re.compile(r"[^\W\d_][^\W\d_]*(?:[ ,.'’`-]{1,3}[^\W\d_]+){0,6}[.,]?")
_TITLED: Final = re.compile(
    r"(?:[^,]+, )?(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Mlle|M|Sr|Sra|Don|Dña|Sig|г-н)\.? [^\W\d_].+"
)
_OF_THINGS: Final = frozenset(
    ["file", "product", "company", "firm", "station", "city", "country", "brand", "model", "store", "shop", "school", "team", "variable", "column", "table", "dataset", "project", "host", "server", "domain", "field", "class", "category", "region", "street", "item", "event", "species", "disease", "hospital", "river", "bank", "org", "organisation", "organization"]
)  # fmt: skip


def person_name(seen: Seen) -> Recognized | None:
    """Recognize names of persons; without a telling name of the column only where titles stand before them."""
    if not seen.is_text:
        return None
    titled = seen.share(_TITLED.fullmatch)
    if titled > 0.8:  # noqa: PLR2004
        return Recognized("person_name", 0.85 * titled, titled, ("values",))
    named = seen.names.strength(vocabulary.PERSON_NAME)
    if not named or any(word in _OF_THINGS for words in seen.names.said for word in words):
        return None
    return by_name("person_name", seen.share(_NAME.fullmatch), named, least=0.7)
