"""The pages behind the `type` of the catalog's problems: what happened, what to do. A test keeps the table whole."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from dataplatform.problem_pages import HEADERS, Explanation, generic, index, page

_TABLE: Final = {
    "token_missing": (
        401,
        "A bearer token is needed",
        "Send the header `Authorization: Bearer <token>`; POST /api/v1/tokens gives one.",
    ),
    "token_invalid": (401, "The token is not valid", "Get a new token, and send it unchanged."),
    "token_expired": (401, "The token has expired", "Get a new token and send the request again."),
    "token_revoked": (
        401,
        "The account was switched off, or its tokens were revoked",
        "Sign in again; if that fails, ask an administrator.",
    ),
    "wrong_credentials": (
        401,
        "The name or the password is wrong",
        "Check both and try again; after too many failures there is a pause.",
    ),
    "forbidden": (
        403,
        "The account has no right to do this",
        ("Ask an administrator of the institution for the role that the detail names, then get a new token."),
    ),
    "object_gone": (
        404,
        "What the document points at is not stored any more",
        "It was erased, or is being written again: look at the version, which tells the reason.",
    ),
    "institution_exists": (409, "An institution of this name exists", "Choose another name, or use the one there is."),
    "version_withdrawn": (410, "The version was withdrawn", "Use a newer version; the detail says why this one went."),
    "document_too_large": (413, "The document is larger than is answered at once", "Ask for it as a download."),
    "range_not_satisfiable": (
        416,
        "The object has no such bytes",
        "Content-Range of the answer tells how many it has.",
    ),
    "workbook_too_large": (
        422,
        "Excel, or the patience of a request, has no room for the table",
        "Take `format=parquet` or `format=csv`.",
    ),
    "cell_too_long": (
        422,
        "A text is longer than a cell of a workbook holds",
        "Take `format=parquet` or `format=csv`.",
    ),
    "invalid_cursor": (422, "The cursor is not one that a page gave", "Take `next` of the page before, unchanged."),
    "invalid_request": (
        422,
        "The request does not have the expected shape",
        "Compare it with the API document; the member `errors` names each part that is wrong.",
    ),
    "unknown_account": (422, "There is no such account", "Check the account's name, or make it first."),
    "too_many_attempts": (429, "Too many attempts to sign in failed", "Wait as long as Retry-After says."),
    "internal_error": (
        500,
        "Internal error",
        ("The fault is ours. Send the request again later; if it stays, report the X-Correlation-ID of the answer."),
    ),
    "invalid_object_key": (
        500,
        "An object's key is not one of ours",
        "The fault is ours: report the X-Correlation-ID.",
    ),
    "query_timed_out": (
        503,
        "The query took longer than it may",
        "Ask for fewer rows or columns, or download the table.",
    ),
    "query_too_large": (
        503,
        "The query needed more memory than it may",
        "Ask for fewer rows or columns, or download the table.",
    ),
    "database_unavailable": (503, "The database is not reachable at the moment", "Try again after Retry-After."),
    "object_store_unavailable": (
        503,
        "The object store is not reachable at the moment",
        "Try again after Retry-After.",
    ),
}
"""By code: status, what happened, what to do."""

EXPLANATIONS: Final = {
    **generic(),
    **{code: Explanation(code, *told) for code, told in _TABLE.items()},
}


def problems(_request: HttpRequest) -> HttpResponse:
    """List the catalog's problems."""
    return HttpResponse(index(EXPLANATIONS.values()), headers=dict(HEADERS))


def problem(request: HttpRequest, code: str) -> HttpResponse:
    """Explain one problem, as a page or, if JSON is asked for, as JSON."""
    found = EXPLANATIONS.get(code)
    if found is None:
        raise Http404
    if "json" in request.headers.get("Accept", ""):
        return JsonResponse(found.to_dict(), headers=dict(HEADERS))
    return HttpResponse(page(found), headers=dict(HEADERS))
