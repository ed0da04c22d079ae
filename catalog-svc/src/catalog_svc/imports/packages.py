"""Frictionless data packages: `datapackage.json` of version 1 and 2."""

from collections.abc import Mapping
from typing import Any, Final

from catalog_svc.imports.described import MOST_COLUMNS, MOST_FILES, Described, Distribution, Left, tags_of, taken
from catalog_svc.imports.licences import spdx_of

_AUTHORS: Final = frozenset({"author", "creator"})
_CONTACTS: Final = frozenset({"maintainer", "contact"})
_OUR_OWN: Final = ("update_frequency", "languages", "themes", "spatial", "temporal", "doi")


def package(document: Mapping[str, Any], base: str) -> Described:
    """Return what a data package says; `base` is the platform's own address, whose pages are no landing pages."""
    left: list[Left] = []
    tags, too_many = tags_of(word for word in _list(document.get("keywords")) if isinstance(word, str))
    ours = document.get("dataplatform")
    ours = ours if isinstance(ours, Mapping) else {}
    homepage = document.get("homepage")
    people = [person for person in _list(document.get("contributors")) if isinstance(person, Mapping)]
    said: dict[str, Any] = {
        "title": document.get("title") or document.get("name"),
        "description": document.get("description"),
        "licence": ours.get("licence") or _licence(document, left),
        "tags": tags or None,
        "landing_page": None if str(homepage or "").startswith(base) else homepage,
        "contact": next((_contact(person) for person in people if _roles(person) & _CONTACTS), None),
        "creators": [_creator(person) for person in people if _roles(person) & _AUTHORS] or None,
        **{name: ours.get(name) for name in _OUR_OWN},
    }
    fields, wrong = taken(said)
    if document.get("profile") not in {None, "data-package", "tabular-data-package"}:
        left.append(Left("profile", "only the fields that every data package has are read"))
    resources = [one for one in _list(document.get("resources")) if isinstance(one, Mapping)]
    columns = [column for resource in resources for column in _columns(resource)]
    if len(columns) > MOST_COLUMNS:
        left.append(Left("columns", f"{len(columns) - MOST_COLUMNS} descriptions beyond the first {MOST_COLUMNS}"))
    return Described(
        source=str(document.get("id") or document.get("name") or "datapackage.json")[:500],
        names=tuple(str(document[name]) for name in ("name", "title") if document.get(name)),
        ids=(str(document.get("id", "")),),
        fields=fields,
        columns=tuple(columns[:MOST_COLUMNS]),
        distributions=tuple(found for one in resources for found in _distributions(one))[:MOST_FILES],
        left=(*left, *too_many, *wrong),
    )


def _licence(document: Mapping[str, Any], left: list[Left]) -> str | None:
    licences = [one for one in _list(document.get("licenses")) if isinstance(one, Mapping)]
    if len(licences) > 1:
        left.append(Left("licence", "there are several, and it is not said what each is for"))
        return None
    for one in licences:
        said = [str(one[name]) for name in ("name", "path", "title") if one.get(name)]
        found = next((name for name in map(spdx_of, said) if name), None)
        address = str(one.get("path") or "")
        if found is None and not address.startswith("http"):
            left.append(Left("licence", "it is none that SPDX lists, and has no address"))
        return found or (address if address.startswith("http") else None)
    return None


def _roles(person: Mapping[str, Any]) -> set[str]:
    return {str(role).lower() for role in [person.get("role"), *_list(person.get("roles"))] if role}


def _contact(person: Mapping[str, Any]) -> dict[str, Any]:
    said = {"name": person.get("title"), "email": person.get("email"), "url": person.get("path")}
    return {name: value for name, value in said.items() if value}


def _creator(person: Mapping[str, Any]) -> dict[str, Any]:
    name, organization = person.get("title"), person.get("organization")
    path = str(person.get("path") or "")
    made: dict[str, Any] = {"name": name, "kind": "organization" if organization == name else "person"}
    if organization and organization != name:
        made["affiliation"] = organization
    if path.startswith(("https://orcid.org/", "https://ror.org/")):
        made["identifier"] = path
    return made


def _columns(resource: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    schema = resource.get("schema")
    table = str(resource.get("title") or resource.get("name") or "")[:255]
    fields = _list(schema.get("fields")) if isinstance(schema, Mapping) else []
    said = [field for field in fields if isinstance(field, Mapping) and field.get("name")]
    return [
        (table, str(field["name"])[:1024], str(field["description"])[:4000])
        for field in said
        if field.get("description")
    ]


def _distributions(resource: Mapping[str, Any]) -> list[Distribution]:
    paths = resource.get("path")
    title = str(resource.get("title") or resource.get("name") or "")[:255] or None
    kind = str(resource.get("mediatype") or "")[:255] or None
    return [
        Distribution(path[:2000], title, kind)
        for path in (paths if isinstance(paths, list) else [paths])
        if isinstance(path, str) and path.startswith(("http://", "https://"))
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
