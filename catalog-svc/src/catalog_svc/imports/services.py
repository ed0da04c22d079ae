"""What an import does: register datasets, and change descriptions where they differ. Doing it again changes nothing."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection, transaction

from catalog_svc.audit import services as audit
from catalog_svc.datasets.models import Dataset
from catalog_svc.imports.described import Described, Left
from catalog_svc.institutions.models import Institution
from catalog_svc.projections import locks, writing
from catalog_svc.stewardship import selectors as stewardship
from catalog_svc.stewardship import services as stewards
from dataplatform.events.catalog import ColumnDescription, DatasetRegistered, Visibility
from dataplatform.events.identity import dataset_id as dataset_id_of
from dataplatform.log.envelope import Context

Outcome = Literal["created", "revised", "unchanged", "skipped"]
_OWN: Final = ("title", "description", "licence", "tags")
_UNORDERED: Final = frozenset({"tags", "themes", "languages", "creators"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to import: what new datasets are visible as, what becomes of those that exist, and whether it is for show."""

    visibility: Visibility = "public"
    existing: Literal["revise", "skip"] = "revise"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one dataset of the document."""

    described: Described
    slug: str | None
    dataset_id: UUID | None
    outcome: Outcome
    changed: tuple[str, ...] = ()
    visibility: Visibility | None = None
    left: tuple[Left, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Planned:
    """A dataset of the document, and which one of ours it is to be; None where it has no name of its own."""

    described: Described
    slug: str | None = None
    dataset_id: UUID | None = None


@transaction.atomic
def take(
    institution: Institution,
    documents: Sequence[Described],
    wishes: Wishes,
    act: stewards.Act,
    digest: str,
) -> list[Imported]:
    """Import what a document describes; the caller has found its principal a steward of the institution.

    All of it or nothing: it is one transaction, with an entry in the audit log for itself and for each description.
    """
    planned = _plan(institution, documents)
    if not wishes.dry_run:
        with connection.cursor() as cursor:
            locks.lock(cursor, [one.dataset_id for one in planned if one.dataset_id is not None])
    found = [_take(institution, one, wishes, act) for one in planned]
    if not wishes.dry_run:
        audit.record(
            by=act.by,
            action="datasets.imported",
            subject="institution",
            subject_id=institution.institution_id,
            institution=institution.slug,
            now=act.now,
            correlation_id=act.correlation_id,
            details={"sha256": digest, **{name: _count(found, name) for name in ("created", "revised", "unchanged")}},
        )
    return found


def _count(found: Sequence[Imported], outcome: str) -> int:
    return sum(one.outcome == outcome for one in found)


def _plan(institution: Institution, documents: Sequence[Described]) -> list[_Planned]:
    """Return each with its slug and id: those of a dataset it names by id, else what its names give. One of a kind."""
    seen: set[str] = set()
    planned: list[_Planned] = []
    for described in documents:
        slug = _own_slug(institution, described.ids) or _slug_of(institution.slug, described.names)
        if slug is None or slug in seen:
            planned.append(_Planned(described))
            continue
        seen.add(slug)
        planned.append(_Planned(described, slug, dataset_id_of(institution.institution_id, slug)))
    return planned


def _own_slug(institution: Institution, ids: Sequence[str]) -> str | None:
    names = []
    for text in ids:
        try:
            names.append(UUID(text))
        except ValueError:
            continue
    found = Dataset.objects.filter(pk__in=names, institution_slug=institution.slug).order_by("slug").first()
    return found.slug if found else None


def _slug_of(institution: str, names: Sequence[str]) -> str | None:
    for name in names:
        try:
            UUID(name)
        except ValueError:
            plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
            plain = plain.rpartition("://")[2].rstrip("/").rpartition("/")[2] if "://" in plain else plain
            slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").removeprefix(f"{institution}-")[:64].strip("-")
            if slug:
                return slug
    return None


def _take(institution: Institution, planned: _Planned, wishes: Wishes, act: stewards.Act) -> Imported:
    described, slug, identity = planned.described, planned.slug, planned.dataset_id
    if slug is None or identity is None:
        why = Left("dataset", "it has no name that a slug can be made of, or another of the document has the same")
        return Imported(described, None, None, "skipped", left=(why,))
    dataset = Dataset.objects.filter(pk=identity).first()
    if dataset is not None and wishes.existing == "skip":
        return Imported(described, slug, identity, "skipped", left=(Left("dataset", "it exists"),))
    fields, columns = _differences(dataset, identity, described)
    changed = (*sorted(fields), *(["columns"] if columns else []))
    outcome: Outcome = "created" if dataset is None else "revised" if changed else "unchanged"
    visibility = _visibility(described, wishes) if dataset is None else None
    if not wishes.dry_run:
        if dataset is None:
            title = str(fields.pop("title", slug))
            dataset = _register(institution, slug, title, visibility or "restricted", act)
        if fields:
            stewards.describe(dataset, fields, act)
        if columns:
            stewards.describe_columns(dataset, columns, act)
    return Imported(described, slug, identity, outcome, changed, visibility)


def _visibility(described: Described, wishes: Wishes) -> Visibility:
    """Return what was asked for, but never wider than the document says."""
    return wishes.visibility if described.public or wishes.visibility != "public" else "restricted"


def _register(institution: Institution, slug: str, title: str, visibility: Visibility, act: stewards.Act) -> Dataset:
    identity = dataset_id_of(institution.institution_id, slug)
    event = DatasetRegistered(
        dataset_id=identity,
        institution_id=institution.institution_id,
        institution=institution.slug,
        slug=slug,
        title=title,
        visibility=visibility,
        registered_at=act.now,
    )
    with connection.cursor() as cursor:
        writing.append(cursor, [event], now=act.now, context=Context.begin(act.correlation_id))
        writing.refresh(cursor, {identity}, ())
    return Dataset.objects.get(pk=identity)


def _differences(
    dataset: Dataset | None, identity: UUID, described: Described
) -> tuple[dict[str, Any], list[ColumnDescription]]:
    """Return the fields and the meanings of columns that the document says otherwise than the catalog."""
    known = _known(dataset) if dataset is not None else {}
    fields = {name: value for name, value in described.fields.items() if not _same(name, known.get(name), value)}
    meanings = stewardship.meanings(identity) if dataset is not None else {}
    columns = [
        ColumnDescription(table=table, column=column, description=text)
        for table, column, text in described.columns
        if meanings.get(table, {}).get(column) != text
    ]
    return fields, columns


def _known(dataset: Dataset) -> dict[str, Any]:
    details, attribution = stewardship.details(dataset.dataset_id), stewardship.attribution(dataset.dataset_id)
    known: dict[str, Any] = {name: getattr(dataset, name) for name in _OWN}
    for name in ("update_frequency", "languages", "themes", "spatial", "temporal", "landing_page", "doi"):
        known[name] = getattr(details, name)
    return known | {"contact": attribution.contact, "creators": attribution.creators}


def _same(name: str, one: Any, other: Any) -> bool:
    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(said) for key, said in value.items() if said is not None}
        if isinstance(value, list | tuple):
            made = [plain(said) for said in value]
            return sorted(made, key=lambda said: json.dumps(said, sort_keys=True)) if name in _UNORDERED else made
        return value

    return bool(plain(one) == plain(other))
