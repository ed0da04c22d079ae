"""What a version was made from and what was made of it, as a graph. Pure over the rows that it is given.

Nodes: dataset, upload, run, table, assessment, examination, version. Edges point from what was there before to what
was made of it; `relation` is the word of PROV-O where it has one. Nothing here decides who may see what.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from catalog_svc.datasets.models import Assessment, Examination, Run, Table, Upload, Version

MOST_TABLES: Final = 1000
"""Most tables that a graph lists; `table_count` of the run says how many there are."""


@dataclass(slots=True)
class Graph:
    """Nodes by their id, in the order in which they were added, and the edges between them."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: list[dict[str, str]] = field(default_factory=list)

    def node(self, kind: str, identity: UUID, **facts: Any) -> str:
        """Add a node; return its name in edges."""
        name = f"{kind}:{identity}"
        self.nodes.setdefault(name, {"id": name, "kind": kind, **facts})
        return name

    def edge(self, source: str, target: str, relation: str) -> None:
        """Add an edge from what was there before to what came of it."""
        self.edges.append({"source": source, "target": target, "relation": relation})


@dataclass(frozen=True, slots=True)
class Making:
    """The rows that tell of one version; what the catalog does not know (yet) is absent."""

    version: Version
    upload: Upload | None
    run: Run | None
    tables: Iterable[Table]
    assessment: Assessment | None
    examination: Examination | None


def graph_of(making: Making, siblings: Iterable[Version], compared_by: Iterable[Version]) -> Graph:
    """Return the graph of a version: its making, versions of the same upload, those examined against it.

    Of an erased version the graph names what was there, but neither files nor tables.
    """
    version, graph = making.version, Graph()
    made = _version(graph, version)
    dataset = graph.node("dataset", version.dataset_id, href=f"/api/v1/datasets/{version.dataset_id}")
    graph.edge(made, dataset, "is_version_of")
    upload = _upload(graph, making)
    run = _run(graph, making)
    graph.edge(upload, run, "used")
    graph.edge(run, made, "was_generated_by")
    for sibling in siblings:
        graph.edge(upload, _version(graph, sibling), "was_derived_from")
    if version.erased_at is None:
        _tables(graph, making, run, made)
        _looks(graph, making, made)
    for later in compared_by:
        graph.edge(made, _version(graph, later), "compared_with")
    return graph


def _version(graph: Graph, version: Version) -> str:
    return graph.node(
        "version",
        version.version_id,
        number=version.number,
        state="erased" if version.erased_at else "withdrawn" if version.withdrawn_at else "published",
        published_at=version.published_at,
        href=f"/api/v1/versions/{version.version_id}",
    )


def _upload(graph: Graph, making: Making) -> str:
    version, found = making.version, making.upload
    return graph.node(
        "upload",
        version.upload_id,
        format=version.format,
        sha256=None if version.erased_at else version.original["sha256"],
        size_bytes=None if version.erased_at else version.original["size_bytes"],
        received_at=found.received_at if found else None,
        href=f"/api/v1/uploads/{version.upload_id}",
    )


def _run(graph: Graph, making: Making) -> str:
    version, found = making.version, making.run
    return graph.node(
        "run",
        version.run_id,
        handler=version.handler,
        handler_version=version.handler_version,
        table_count=version.table_count,
        repair_count=found.repair_count if found else None,
        started_at=found.started_at if found else None,
        ended_at=found.ended_at if found else None,
        href=None if version.withdrawn_at else f"/api/v1/versions/{version.version_id}/report",
    )


def _tables(graph: Graph, making: Making, run: str, made: str) -> None:
    for table in making.tables:
        name = graph.node(
            "table",
            table.table_id,
            name=table.name,
            index=table.index,
            origin=table.origin,
            row_count=table.row_count,
            column_count=table.column_count,
            href=f"/api/v1/tables/{table.table_id}",
        )
        graph.edge(run, name, "was_generated_by")
        graph.edge(name, made, "is_part_of")


def _looks(graph: Graph, making: Making, made: str) -> None:
    """Add what quality-svc said: the assessment that the version was published with, and the closer look since."""
    version, assessment, examination = making.version, making.assessment, making.examination
    if assessment is not None:
        name = graph.node(
            "assessment",
            assessment.assessment_id,
            overall=assessment.overall,
            ended_at=assessment.ended_at,
            href=f"/api/v1/versions/{version.version_id}/quality",
        )
        graph.edge(name, made, "was_informed_by")
    if examination is not None:
        name = graph.node(
            "examination",
            examination.run_id,
            status=examination.status,
            drift=examination.drift,
            ended_at=examination.ended_at,
            href=f"/api/v1/versions/{version.version_id}/examination",
        )
        graph.edge(made, name, "was_examined_by")
        if examination.compared_with is not None:
            earlier = graph.node(
                "version", examination.compared_with, href=f"/api/v1/versions/{examination.compared_with}"
            )
            graph.edge(earlier, name, "used")
