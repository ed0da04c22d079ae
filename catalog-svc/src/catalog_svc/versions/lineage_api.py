"""REST: the lineage of a version."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Assessment, Examination, Run, Upload, Version
from catalog_svc.versions.lineage import MOST_TABLES, Making, graph_of

router = Router(tags=["lineage"])

_MOST_VERSIONS = 100


class Edge(Schema):
    """From what was there before (`source`) to what came of it (`target`)."""

    source: str
    target: str
    relation: str = Field(examples=["was_generated_by"])


class LineageOut(Schema):
    """A graph; every node has `id`, `kind`, `href` where it can be read, and facts of its kind."""

    version: str = Field(description="The node that was asked about")
    nodes: list[dict[str, Any]]
    edges: list[Edge]
    truncated: bool = Field(description="Whether there are more than 1,000 tables or 100 related versions")


@router.get("/versions/{uuid:version_id}/lineage", response=LineageOut, summary="Show the lineage of a version")
def show_lineage(request: HttpRequest, version_id: UUID) -> object:
    """Return where a version comes from (upload, run, tables, assessment) and what followed from it.

    Withdrawn and erased versions have theirs too, without what is not there any more. Problems: `not_found`.
    """
    version = selectors.version(principals.principal_of(request), version_id)
    examined = Examination.objects.filter(compared_with=version_id).values("run_id")
    siblings = Version.objects.filter(upload_id=version.upload_id, dataset_id=version.dataset_id)
    siblings = siblings.exclude(pk=version_id).order_by("number")
    compared = Version.objects.filter(pk__in=examined, dataset_id=version.dataset_id).order_by("number")
    making = Making(
        version=version,
        upload=Upload.objects.filter(pk=version.upload_id).first(),
        run=Run.objects.filter(pk=version.run_id).first(),
        tables=selectors.tables(version_id, None, MOST_TABLES),
        assessment=Assessment.objects.filter(pk=version.assessment_id).first(),
        examination=Examination.objects.filter(pk=version_id).first(),
    )
    graph = graph_of(making, siblings[:_MOST_VERSIONS], compared[:_MOST_VERSIONS])
    return {
        "version": f"version:{version_id}",
        "nodes": list(graph.nodes.values()),
        "edges": graph.edges,
        "truncated": version.table_count > MOST_TABLES or max(siblings.count(), compared.count()) > _MOST_VERSIONS,
    }
