"""schema.org `Dataset`, as search engines for datasets read it."""

from typing import Any

from catalog_svc.standards.description import Description, File, Person


def schema_org(found: Description) -> dict[str, Any]:
    """Return the JSON-LD document."""
    organization = {
        "@type": "Organization",
        "name": found.publisher.name,
        "url": found.publisher.homepage or found.publisher.url,
    }
    document: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": found.url,
        "identifier": str(found.dataset_id),
        "name": found.title,
        "description": found.text,
        "url": found.url,
        "isAccessibleForFree": True,
        "conditionsOfAccess": "public" if found.public else "members of the institution",
        "creator": [_creator(creator) for creator in found.creators] or organization,
        "publisher": organization,
        "datePublished": found.issued.isoformat(),
        "dateModified": found.modified.isoformat(),
        "keywords": list(found.tags),
    }
    document |= _details(found)
    if found.release is not None:
        files = [
            found.release.original,
            *(file for table in found.release.tables for file in (table.parquet, table.csv)),
        ]
        document["version"] = str(found.release.number)
        document["distribution"] = [_download(file) for file in files]
        meanings = {column.name: table.means(column) for table in found.release.tables for column in table.columns}
        document["variableMeasured"] = [
            {"@type": "PropertyValue", "name": name, **({"description": meaning} if meaning else {})}
            for name, meaning in meanings.items()
        ]
    return document


def _details(found: Description) -> dict[str, Any]:
    said: dict[str, Any] = {
        "license": found.licence_url or found.licence,
        "sameAs": found.landing_page,
        "inLanguage": list(found.languages),
        "temporalCoverage": found.period,
        "spatialCoverage": _place(found),
        "citation": f"https://doi.org/{found.doi}" if found.doi else None,
    }
    if found.contact is not None:
        point = {"name": found.contact.name, "email": found.contact.email, "url": found.contact.url}
        said["maintainer"] = {
            "@type": "Organization",
            "name": found.contact.name,
            "contactPoint": {"@type": "ContactPoint", **{name: value for name, value in point.items() if value}},
        }
    return {name: value for name, value in said.items() if value}


def _place(found: Description) -> dict[str, Any] | None:
    place = found.spatial
    if place is None:
        return None
    made: dict[str, Any] = {"@type": "Place", "name": place.name, "sameAs": place.uri}
    if place.west is not None:
        # latitude first, as schema.org has it
        made["geo"] = {"@type": "GeoShape", "box": f"{place.south} {place.west} {place.north} {place.east}"}
    return {name: value for name, value in made.items() if value}


def _creator(said: Person) -> dict[str, str]:
    made = {"@type": "Organization" if said.organization else "Person", "name": said.name}
    return made | ({"sameAs": said.identifier} if said.identifier else {})


def _download(file: File) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": "DataDownload",
        "name": file.name,
        "contentUrl": file.url,
        "encodingFormat": file.media_type,
    }
    if file.size_bytes is not None:
        found["contentSize"] = f"{file.size_bytes} B"
    if file.sha256:
        found["sha256"] = file.sha256
    return found
