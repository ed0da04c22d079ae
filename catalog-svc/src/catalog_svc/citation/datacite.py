"""The metadata that a DOI is registered with: DataCite 4.5 as JSON, validated by its schema, and as XML.

4.6 adds types to 4.5 and changes nothing that is said here.
"""

from collections.abc import Iterable
from typing import Any, Final

from catalog_svc.citation.facts import Author, Citation
from catalog_svc.stewardship.models import DatasetRelation

_SCHEMA: Final = "http://datacite.org/schema/kernel-4"
_SCHEMES: Final = {"orcid.org": ("ORCID", "https://orcid.org"), "ror.org": ("ROR", "https://ror.org")}
_RELATIONS: Final = {"replaces": "Obsoletes", "is_replaced_by": "IsObsoletedBy"}


def document(cited: Citation, relations: Iterable[tuple[DatasetRelation, str]]) -> dict[str, Any]:
    """Return the metadata as JSON; `relations` come with the address of their other end."""
    found: dict[str, Any] = {
        "schemaVersion": _SCHEMA,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Dataset"},
        "creators": [_creator(author) for author in cited.authors],
        "titles": [{"title": cited.title}],
        "publisher": {"name": cited.institution},
        "publicationYear": str(cited.published.year),
        "url": cited.page,
        "dates": _dates(cited),
        "alternateIdentifiers": [
            {"alternateIdentifier": str(cited.dataset_id), "alternateIdentifierType": "Data Platform dataset"}
        ],
    }
    more: dict[str, Any] = {
        "doi": cited.doi,
        "version": str(cited.version) if cited.version is not None else None,
        "subjects": [{"subject": tag} for tag in dict.fromkeys(cited.tags)],
        "language": next(iter(cited.details.languages), None),
        "descriptions": [{"description": cited.description, "descriptionType": "Abstract"}]
        if cited.description
        else [],
        "rightsList": _rights(cited.licence) if cited.licence else [],
        "formats": [cited.format] if cited.format else [],
        "sizes": [f"{cited.size_bytes} bytes"] if cited.size_bytes is not None else [],
        "geoLocations": _places(cited),
        "relatedIdentifiers": [_related(relation.kind, address) for relation, address in relations],
    }
    return found | {name: value for name, value in more.items() if value}


def xml(found: dict[str, Any]) -> bytes:
    """Return the document as DataCite's XML."""
    # imported here: it reads five schemas, and few ask for it
    from datacite import schema45  # noqa: PLC0415

    return bytes(schema45.tostring(found).encode())


def _creator(author: Author) -> dict[str, Any]:
    found: dict[str, Any] = {"name": author.name, "nameType": "Personal" if author.person else "Organizational"}
    if author.person and author.given:
        found |= {"givenName": author.given, "familyName": author.family}
    host = (author.identifier or "").partition("://")[2].partition("/")[0]
    if author.identifier and host in _SCHEMES:
        scheme, address = _SCHEMES[host]
        found["nameIdentifiers"] = [
            {"nameIdentifier": author.identifier, "nameIdentifierScheme": scheme, "schemeUri": address}
        ]
    if author.affiliation:
        found["affiliation"] = [{"name": author.affiliation}]
    return found


def _dates(cited: Citation) -> list[dict[str, str]]:
    found = [{"date": cited.published.isoformat(), "dateType": "Issued"}]
    covered = cited.details.temporal
    if covered:
        span = f"{covered.get('start') or ''}/{covered.get('end') or ''}"
        # 4.6 has a type `Coverage` for it
        found.append({"date": span, "dateType": "Other", "dateInformation": "Coverage"})
    return found


def _rights(licence: str) -> list[dict[str, str]]:
    if licence.startswith(("http://", "https://")):
        return [{"rights": licence, "rightsUri": licence}]
    spdx = {"rightsIdentifierScheme": "SPDX", "schemeUri": "https://spdx.org/licenses/"}
    if " " in licence:
        return [{"rights": licence, "rightsIdentifier": licence, **spdx}]
    uri = f"https://spdx.org/licenses/{licence}.html"
    return [{"rights": licence, "rightsUri": uri, "rightsIdentifier": licence, **spdx}]


def _places(cited: Citation) -> list[dict[str, Any]]:
    covered = cited.details.spatial
    if not covered:
        return []
    found: dict[str, Any] = {}
    if covered.get("name"):
        found["geoLocationPlace"] = covered["name"]
    if covered.get("west") is not None:
        sides = {"west": "westBoundLongitude", "east": "eastBoundLongitude", "south": "southBoundLatitude",
                 "north": "northBoundLatitude"}  # fmt: skip
        found["geoLocationBox"] = {name: covered[side] for side, name in sides.items()}
    return [found] if found else []


def _related(kind: str, address: str) -> dict[str, str]:
    relation = _RELATIONS.get(kind) or "".join(word.capitalize() for word in kind.split("_"))
    return {"relatedIdentifier": address, "relatedIdentifierType": "URL", "relationType": relation}
