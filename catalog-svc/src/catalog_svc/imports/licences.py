"""Licences as others write them: addresses and names, to SPDX identifiers."""

import re
from functools import cache
from typing import Any, Final

from license_expression import get_spdx_licensing

_ADDRESSES: Final = (
    (r"spdx\.org/licen[sc]es/([A-Za-z0-9.+-]+?)(?:\.(?:html|json|txt))?", r"\1"),
    (r"creativecommons\.org/publicdomain/zero/1\.0(?:/.*)?", "CC0-1.0"),
    (r"creativecommons\.org/publicdomain/mark/1\.0(?:/.*)?", "CC-PDM-1.0"),
    (r"creativecommons\.org/licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)(?:/(?:legalcode.*|deed.*))?", r"CC-\1-\2"),
    (r"opendatacommons\.org/licenses/odbl(?:/.*)?", "ODbL-1.0"),
    (r"opendatacommons\.org/licenses/by(?:/.*)?", "ODC-By-1.0"),
    (r"opendatacommons\.org/licenses/pddl(?:/.*)?", "PDDL-1.0"),
    (r"govdata\.de/dl-de/(by|zero)-2-0", r"DL-DE-\1-2.0"),
    (r"dcat-ap\.de/def/licenses/dl-(by|zero)-de/2\.0", r"DL-DE-\1-2.0"),
    (r"dcat-ap\.de/def/licenses/cc-zero", "CC0-1.0"),
    (r"nationalarchives\.gov\.uk/doc/open-government-licence/version/([123])", r"OGL-UK-\1.0"),
    (r"etalab\.gouv\.fr/licence-ouverte-open-licence", "etalab-2.0"),
    (r"opensource\.org/licen[sc]es?/([A-Za-z0-9.+-]+)", r"\1"),
    (r"publications\.europa\.eu/resource/authority/licence/CC0", "CC0-1.0"),
    (r"publications\.europa\.eu/resource/authority/licence/(CC_[A-Z]+)_(\d)_(\d)", r"\1-\2.\3"),
    (r"publications\.europa\.eu/resource/authority/licence/(CC_[A-Z]+)(\d)_(\d)", r"\1-\2.\3"),
    (r"publications\.europa\.eu/resource/authority/licence/ODC_BL", "ODbL-1.0"),
    (r"publications\.europa\.eu/resource/authority/licence/ODC_BY", "ODC-By-1.0"),
    (r"publications\.europa\.eu/resource/authority/licence/ODC_PDDL", "PDDL-1.0"),
)
_EUROPEAN: Final = {"CC-BYNC": "CC-BY-NC", "CC-BYND": "CC-BY-ND", "CC-BYSA": "CC-BY-SA", "CC-BYNCND": "CC-BY-NC-ND",
                    "CC-BYNCSA": "CC-BY-NC-SA"}  # fmt: skip


@cache
def _identifiers() -> dict[str, str]:
    licensing: Any = get_spdx_licensing()
    return {name.lower(): name for name in licensing.known_symbols}


def spdx_of(said: str) -> str | None:
    """Return the SPDX identifier of a licence given as an address or a name; None where there is none known."""
    text = said.strip()[:500]
    address = re.sub(r"^https?://(?:www\.)?", "", text).rstrip("/")
    for pattern, made in _ADDRESSES if address != text else ():
        if found := re.fullmatch(pattern, address, re.IGNORECASE):
            return _known(found.expand(made).replace("_", "-"))
    return _known(re.sub(r"\s+", "-", text))


def _known(name: str) -> str | None:
    for short, long in _EUROPEAN.items():
        name = re.sub(rf"^{short}-(?=\d)", f"{long}-", name, flags=re.IGNORECASE)
    return _identifiers().get(name.lower())
