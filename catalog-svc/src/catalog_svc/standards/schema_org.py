"""schema.org `Dataset`, as search engines for datasets read it."""

from typing import Any

from catalog_svc.standards.description import Description, File


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
        "creator": organization,
        "publisher": organization,
        "datePublished": found.issued.isoformat(),
        "dateModified": found.modified.isoformat(),
        "keywords": list(found.tags),
    }
    if found.licence_url:
        document["license"] = found.licence_url
    if found.release is not None:
        files = [
            found.release.original,
            *(file for table in found.release.tables for file in (table.parquet, table.csv)),
        ]
        document["version"] = str(found.release.number)
        document["distribution"] = [_download(file) for file in files]
        names = dict.fromkeys(column.name for table in found.release.tables for column in table.columns)
        document["variableMeasured"] = [{"@type": "PropertyValue", "name": name} for name in names]
    return document


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
