"""OpenLineage 2: the runs that made a version - parse, assess, publish - each as a START and a COMPLETE event.

Names of datasets are addresses of the catalog, never keys of the object store. When an assessment began is not
recorded: its START has the time at which it could begin, the end of the parse.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from catalog_svc.standards.description import Description, Release, TableDescription
from catalog_svc.standards.findings import ColumnFinding, Findings

_SPEC: Final = "https://openlineage.io/spec"
_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = {
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "documentation": "1-1-0/DocumentationDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityMetrics": "1-0-3/DataQualityMetricsInputDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "parent": "1-2-0/ParentRunFacet",
}
"""Facets by the name they go by: version and file of their schema."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of a job: when it began and ended, what it read and wrote."""

    run_id: UUID
    job: str
    started_at: datetime
    ended_at: datetime
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]
    facets: Mapping[str, Any]


class _Writer:
    """Writes the events of one version."""

    def __init__(self, found: Description, release: Release, findings: Findings, base: str) -> None:
        self._found = found
        self._release = release
        self._findings = findings
        self._base = base

    def events(self) -> list[dict[str, Any]]:
        """Return the events of every run, in the order of time."""
        return [event for run in self._runs() for event in self._told(run)]

    def _runs(self) -> Iterable[_Run]:
        findings, release = self._findings, self._release
        parsed_at = findings.run_ended_at or release.published_at
        began_at = findings.run_started_at or parsed_at
        handler, _, version = release.handler.rpartition(" ")
        engine = self._facet("processing_engine", name=handler, version=version)
        tables = [self._table(table) for table in release.tables]
        parse = [self._parsed(table) for table in release.tables]
        yield _Run(release.version_id, "parse", began_at, parsed_at, [self._original()], parse, engine)
        parent = self._facet(
            "parent",
            run={"runId": str(release.version_id)},
            job={"namespace": self._base, "name": f"{self._name}/parse"},
        )
        if findings.assessed_at is not None and findings.assessment_id is not None:
            assess = [self._assessed(table) for table in release.tables]
            yield _Run(findings.assessment_id, "assess", parsed_at, findings.assessed_at, assess, [], parent)
        published_at, run_id = release.published_at, uuid5(release.version_id, "publish")
        yield _Run(run_id, "publish", published_at, published_at, tables, [self._dataset()], parent)

    @property
    def _name(self) -> str:
        return f"{self._found.publisher.slug}/{self._found.slug}"

    def _told(self, run: _Run) -> Iterable[dict[str, Any]]:
        job_type = self._facet("jobType", processingType="BATCH", integration="DATAPLATFORM", jobType="TASK")
        base = {
            "producer": self._base,
            "schemaURL": _EVENT,
            "run": {"runId": str(run.run_id), "facets": run.facets},
            "job": {"namespace": self._base, "name": f"{self._name}/{run.job}", "facets": job_type},
        }
        yield {"eventType": "START", "eventTime": run.started_at.isoformat(), **base, "inputs": [], "outputs": []}
        yield {
            "eventType": "COMPLETE",
            "eventTime": run.ended_at.isoformat(),
            **base,
            "inputs": list(run.inputs),
            "outputs": list(run.outputs),
        }

    def _facet(self, name: str, /, **fields: Any) -> dict[str, Any]:
        version, _, schema = _FACETS[name].partition("/")
        address = f"{_SPEC}/facets/{version}/{schema}.json#/$defs/{schema}"
        return {name: {"_producer": self._base, "_schemaURL": address, **fields}}

    def _entry(self, path: str, **facets: Any) -> dict[str, Any]:
        return {"namespace": self._base, "name": path, "facets": facets}

    def _original(self) -> dict[str, Any]:
        original = self._release.original
        return self._entry(
            f"{self._name}/versions/{self._release.version_id}/original",
            **self._facet("dataSource", name=original.name, uri=original.url),
            **self._facet("datasetType", datasetType="FILE", subType=original.format.upper()),
            **self._facet("version", datasetVersion=original.sha256 or str(self._release.version_id)),
        )

    def _table(self, table: TableDescription) -> dict[str, Any]:
        fields = []
        for column in table.columns:
            field = {"name": column.name, "type": column.type, "ordinal_position": column.position + 1}
            fields.append(field | ({"description": meaning} if (meaning := table.means(column)) else {}))
        return self._entry(
            f"{self._name}/tables/{table.table_id}",
            **self._facet("schema", fields=fields),
            **self._facet("dataSource", name=table.name, uri=table.url),
            **self._facet("datasetType", datasetType="TABLE"),
            **self._facet("version", datasetVersion=str(self._release.version_id)),
        )

    def _parsed(self, table: TableDescription) -> dict[str, Any]:
        made, original = self._table(table), self._original()["name"]
        lineage = {
            column.name: {
                "inputFields": [
                    {
                        "namespace": self._base,
                        "name": original,
                        "field": column.source_name or column.name,
                        "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": False}],
                    }
                ]
            }
            for column in table.columns
        }
        if lineage:
            made["facets"] |= self._facet("columnLineage", fields=lineage)
        size = {} if table.parquet.size_bytes is None else {"size": table.parquet.size_bytes, "fileCount": 1}
        made["outputFacets"] = self._facet("outputStatistics", rowCount=table.row_count, **size)
        return made

    def _assessed(self, table: TableDescription) -> dict[str, Any]:
        made = self._table(table)
        seen = self._findings.columns.get(table.table_id, {})
        metrics = {column.name: _metrics(seen[column.position]) for column in table.columns if column.position in seen}
        made["inputFacets"] = self._facet("dataQualityMetrics", rowCount=table.row_count, columnMetrics=metrics)
        return made

    def _dataset(self) -> dict[str, Any]:
        found = self._found
        return self._entry(
            self._name,
            **self._facet("dataSource", name=found.title, uri=found.url),
            **self._facet("documentation", description=found.text),
            **self._facet("version", datasetVersion=str(self._release.number)),
            **self._facet("ownership", owners=[{"name": f"institution:{found.publisher.slug}", "type": "PUBLISHER"}]),
        )


def openlineage(found: Description, release: Release, findings: Findings, base: str) -> list[dict[str, Any]]:
    """Return the events that tell how a version came to be; `base` is the platform's address, their namespace."""
    return _Writer(found, release, findings, base).events()


def _metrics(seen: ColumnFinding) -> dict[str, Any]:
    said: dict[str, Any] = {
        "count": seen.count,
        "nullCount": seen.nulls,
        "distinctCount": seen.distinct,
        "min": seen.low,
        "max": seen.high,
        "quantiles": dict(seen.quantiles) or None,
    }
    return {name: value for name, value in said.items() if value is not None}
