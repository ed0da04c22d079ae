"""Refuses `as_of` where it is not looked at: an answer about today is none to a question about yesterday."""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from dataplatform.problems import MEDIA_TYPE, Problem

PARAMETER: Final = "as_of"
READ: Final = "as_of_was_read"
"""The attribute of a request that the operation sets which looked at the parameter."""


def of_today(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return the response of a read, or a 422 problem where it does not know the moment that was asked about."""
    if PARAMETER not in request.GET or request.method not in {"GET", "HEAD"} or getattr(request, READ, False):
        return response
    if response.status_code != HTTPStatus.OK:
        return response
    response.close()
    problem = Problem("invalid_as_of", "Invalid as_of", 422, "as_of: what is asked here is told of today only")
    refused: HttpResponse = JsonResponse(problem.to_dict(), status=problem.status, content_type=MEDIA_TYPE)
    return refused
