"""The REST interface: which routers there are, how errors are told, and its OpenAPI description."""

from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from catalog_svc.access.grants_api import router as grants
from catalog_svc.access.requests_api import router as access_requests
from catalog_svc.access.scope import Refusal
from catalog_svc.accounts.accounts_api import router as people
from catalog_svc.accounts.api import router as accounts
from catalog_svc.accounts.services_api import router as service_accounts
from catalog_svc.accounts.tokens_api import router as personal_tokens
from catalog_svc.audit.api import router as audit
from catalog_svc.audit.refusals import INSTITUTION as REFUSED_AT
from catalog_svc.citation.api import router as citation
from catalog_svc.datasets.alerts_api import router as alerts
from catalog_svc.datasets.api import router as datasets
from catalog_svc.datasets.contracts_api import router as contracts
from catalog_svc.exports.api import router as exports
from catalog_svc.findings.api import router as findings
from catalog_svc.harvesting.landing import router as landing
from catalog_svc.imports.api import router as imports
from catalog_svc.institutions.api import router as institutions
from catalog_svc.institutions.groups_api import router as groups
from catalog_svc.institutions.members_api import router as members
from catalog_svc.objects import unavailable
from catalog_svc.rows.api import router as rows
from catalog_svc.rows.downloads_api import router as downloads
from catalog_svc.rows.sql_api import router as sql
from catalog_svc.rows.summaries_api import router as summaries
from catalog_svc.search.api import router as search
from catalog_svc.search.joining_api import router as joining
from catalog_svc.standards.api import router as standards
from catalog_svc.standards.versions_api import router as versions_told
from catalog_svc.stewardship.collections_api import router as collections
from catalog_svc.stewardship.columns_api import router as columns
from catalog_svc.stewardship.relations_api import router as relations
from catalog_svc.suggestions.api import router as suggestions
from catalog_svc.versions import asof
from catalog_svc.versions.api import router as versions
from catalog_svc.versions.comparing.api import router as comparing
from catalog_svc.versions.eventlog.api import router as events
from catalog_svc.versions.lineage_api import router as lineage
from catalog_svc.webhooks.api import router as webhooks
from dataplatform.problems import MEDIA_TYPE, Problem, from_status

_log = structlog.get_logger(__name__)

_PROBLEM_SCHEMA: Final = {
    "type": "object",
    "description": "A problem document (RFC 9457)",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, snake_case"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


class Api(NinjaAPI):
    """Ninja's API with what every operation shares: optional bearer tokens, problem documents."""

    def get_openapi_schema(self, *args: Any, **options: Any) -> OpenAPISchema:
        """Return the OpenAPI 3.1 document."""
        document = super().get_openapi_schema(*args, **options)
        components = document["components"]
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        components["schemas"]["Problem"] = _PROBLEM_SCHEMA
        document["security"] = [{}, {"bearer": []}]
        problem = {
            "description": "Problem",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        asof.describe(document)
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = problem
        return document


api = Api(
    title="Data Platform catalog",
    version="1",
    description="Find, understand, query and download what institutions publish.",
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
api.add_router("", accounts)
api.add_router("", people)
api.add_router("", personal_tokens)
api.add_router("/institutions", service_accounts)
api.add_router("/institutions", institutions)
api.add_router("/institutions", members)
api.add_router("", groups)
api.add_router("", grants)
api.add_router("", access_requests)
api.add_router("", audit)
api.add_router("", search)
api.add_router("", joining)
api.add_router("", datasets)
api.add_router("", alerts)
api.add_router("", contracts)
api.add_router("", columns)
api.add_router("", findings)
api.add_router("", citation)
api.add_router("", relations)
api.add_router("", collections)
api.add_router("", rows)
api.add_router("", summaries)
api.add_router("", sql)
api.add_router("", landing)
api.add_router("", imports)
api.add_router("", standards)
api.add_router("", versions_told)
api.add_router("", downloads)
api.add_router("", versions)
api.add_router("", lineage)
api.add_router("", comparing)
api.add_router("", events)
api.add_router("", webhooks)
api.add_router("", exports)
api.add_router("", suggestions)


def problem_response(problem: Problem) -> HttpResponse:
    """Return the response that tells a problem."""
    response = JsonResponse(problem.to_dict(), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        response[name] = value
    return response


@api.exception_handler(Problem)
def _on_problem(request: HttpRequest, error: Problem) -> HttpResponse:
    if isinstance(error, Refusal):
        setattr(request, REFUSED_AT, error.institution)
    return problem_response(error)


@api.exception_handler(ValidationError)
def _on_invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [{key: found[key] for key in ("loc", "msg", "type") if key in found} for found in error.errors]
    detail = "; ".join(f"{'.'.join(map(str, found.get('loc', ())))}: {found.get('msg')}" for found in errors)
    return problem_response(Problem("invalid_request", "Invalid request", 422, detail[:1000], extra={"errors": errors}))


@api.exception_handler(Http404)
def _on_not_found(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return problem_response(from_status(404, "there is no such resource"))


@api.exception_handler(HttpError)
def _on_http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem_response(from_status(error.status_code, str(error)))


@api.exception_handler(RequestDataTooBig)
def _on_too_big(_request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    return problem_response(from_status(413, "the request body is larger than any that is expected here"))


@api.exception_handler(SuspiciousOperation)
def _on_suspicious(_request: HttpRequest, _error: SuspiciousOperation) -> HttpResponse:
    return problem_response(from_status(400, "the request is malformed"))


@api.exception_handler(Exception)
def _on_error(_request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, OperationalError | InterfaceError):
        _log.warning("database_unavailable", error=str(error))
        return problem_response(unavailable("database_unavailable", "the database does not answer"))
    _log.error("http.defect", exc_info=error, database=isinstance(error, DatabaseError))
    return problem_response(
        Problem("internal_error", "Internal error", 500, "This is our fault; the correlation id finds it in our logs.")
    )
