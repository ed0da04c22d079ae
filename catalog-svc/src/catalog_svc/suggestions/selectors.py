"""The suggestions of a dataset: those of the newest served version that was examined, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from catalog_svc.datasets.models import Examination, Version
from catalog_svc.suggestions.models import Decision
from catalog_svc.suggestions.schemas import State
from dataplatform.events.base import ObjectRef


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested rule. `body` is as quality-svc wrote it; `single`: the version has no other table."""

    suggestion_id: UUID
    version_id: UUID
    table: str
    body: Mapping[str, Any]
    single: bool


def examined(dataset_id: UUID) -> tuple[UUID, ObjectRef] | None:
    """Return the newest version that is served and was examined, and where its examination is."""
    served = Version.objects.filter(dataset_id=dataset_id, withdrawn_at__isnull=True, erased_at__isnull=True)
    with_document = Examination.objects.filter(dataset_id=dataset_id, document__isnull=False)
    newest = served.filter(pk__in=with_document.values("run_id")).order_by("-number").first()
    if newest is None:
        return None
    document = with_document.values_list("document", flat=True).get(pk=newest.version_id)
    return newest.version_id, ObjectRef.model_validate(document)


def suggestions_in(dataset_id: UUID, version_id: UUID, document: Mapping[str, Any]) -> list[Suggestion]:
    """Return the suggestions of an examination, table by table, the most confident first.

    The same rule for the same columns of a table of the same name has the same id in every version.
    """
    tables = document.get("tables") or ()
    return [
        Suggestion(
            uuid5(dataset_id, f"suggestion\0{table['name']}\0{body['id']}"),
            version_id,
            table["name"],
            body,
            single=len(tables) == 1,
        )
        for table in tables
        for body in table.get("suggestions") or ()
    ]


def decisions(dataset_id: UUID) -> dict[UUID, Decision]:
    """Return what stewards decided, by suggestion."""
    return {found.suggestion_id: found for found in Decision.objects.filter(dataset_id=dataset_id)}


def shown(suggestion: Suggestion, decision: Decision | None) -> dict[str, Any]:
    """Return a suggestion as the REST interface shows it."""
    state: State = "open" if decision is None else "accepted" if decision.state == "accepted" else "refused"
    return {
        "suggestion_id": suggestion.suggestion_id,
        "table": suggestion.table,
        "column": suggestion.body.get("column"),
        "rule": suggestion.body["rule"],
        "evidence": suggestion.body["evidence"],
        "confidence": suggestion.body["confidence"],
        "clause": suggestion.body["quality"],
        "state": state,
        "decided_at": None if decision is None else decision.decided_at,
        "version_id": suggestion.version_id,
    }
