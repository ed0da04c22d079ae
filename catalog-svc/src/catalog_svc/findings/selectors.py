"""Which documents there are about a version. The caller's principal decides what is there."""

from uuid import UUID

from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Assessment, Examination, Run, Table
from catalog_svc.findings.gathering import Documents
from dataplatform.events.base import ObjectRef
from dataplatform.identity import Principal
from dataplatform.problems import Problem


def documents_of(principal: Principal | None, version_id: UUID) -> Documents:
    """Return the documents about a version that is served; raises 404 and 410 problems."""
    version = selectors.served_version(principal, version_id)
    report = Run.objects.filter(pk=version.run_id).values_list("report", flat=True).first()
    rules = Assessment.objects.filter(run_id=version.run_id).values_list("rules", flat=True).first()
    examination = Examination.objects.filter(pk=version.run_id).values_list("document", flat=True).first()
    return Documents(
        version=str(version_id),
        report=ObjectRef.model_validate(report) if report else None,
        contract=ObjectRef.model_validate(rules["result"]) if rules else None,
        examination=ObjectRef.model_validate(examination) if examination else None,
        tables=dict(Table.objects.filter(run_id=version.run_id).values_list("index", "name")),
    )


def assessment_of(principal: Principal | None, version_id: UUID) -> Assessment:
    """Return the assessment of a version that is served; raises 404 and 410 problems."""
    return selectors.assessment(selectors.served_version(principal, version_id).run_id)


def profile_of(principal: Principal | None, table_id: UUID) -> tuple[Table, ObjectRef]:
    """Return a table of a version that is served, and where the version's profile is; raises 404 and 410 problems."""
    table = selectors.table(principal, table_id)
    return table, ObjectRef.model_validate(selectors.assessment(table.run_id).profile)


def contract_result(principal: Principal | None, version_id: UUID) -> ObjectRef:
    """Return where the result of a version's contract is; raises a 404 problem where none held."""
    found = documents_of(principal, version_id).contract
    if found is None:
        raise Problem("not_found", "Not found", 404, "no contract held for the version")
    return found
