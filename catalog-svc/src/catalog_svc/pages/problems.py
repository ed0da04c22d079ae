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
    "search_too_long": (422, "A search has 64 words at most", "Leave words out: each narrows what is found."),
    "wrong_credentials": (
        401,
        "The name or the password is wrong",
        "Check both and try again; after too many failures there is a pause.",
    ),
    "csrf_failed": (
        403,
        "A write came without the proof that a page of this site sent it",
        "Send the value of the cookie csrftoken in the header X-CSRFToken, or use a token instead of a session.",
    ),
    "sign_in_refused": (
        403,
        "The identity provider's answer proves nothing",
        "Begin again at /sign-in: an answer counts once, in the browser that asked, and for a short time.",
    ),
    "identity_unknown": (
        403,
        "No account belongs to this identity",
        "Ask an administrator for an invitation, or sign in with a password and link the identity.",
    ),
    "identity_linked": (
        409,
        "The identity signs another account in already",
        "Use that account, or another identity.",
    ),
    "provider_unavailable": (
        503,
        "The identity provider does not answer",
        "Try again after Retry-After, or sign in with a password.",
    ),
    "account_exists": (409, "An account of this name exists", "Choose another name."),
    "last_administrator": (
        409,
        "Nobody would administer the platform, or the institution, any more",
        "Make another account an administrator first; only accounts that are switched on count.",
    ),
    "too_many_tokens": (409, "The account has as many tokens as it may", "Revoke one that is not used any more."),
    "invitation_ended": (
        410,
        "The invitation was used, has expired, or never was",
        "Ask the administrator who sent it for a new one.",
    ),
    "token_too_powerful": (
        422,
        "The token would be able to do more, or live longer, than it may",
        "The detail says what is too much: choose fewer scopes or institutions, or an earlier end.",
    ),
    "weak_password": (422, "The password is one that guessing would find", "Choose a longer one; a sentence is good."),
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
    "link_invalid": (
        403,
        "The link is not one of ours, or was changed",
        "Take the link `file` of the export, unchanged.",
    ),
    "link_expired": (410, "The link is over", "GET the export: it gives a new one while the file is kept."),
    "export_gone": (410, "The file is not there any more", "It expired or was taken back: ask for the export again."),
    "too_many_exports": (
        429,
        "As many exports of yours as may are being made, or were asked for within a day",
        "Wait as long as Retry-After says, or cancel one that is not needed.",
    ),
    "webhook_url_refused": (
        422,
        "The URL is none that webhooks are sent to",
        "Take an https URL without credentials, of a public host, on a usual port; the detail says what is in the way.",
    ),
    "unknown_event_type": (
        422,
        "There is no event type of this name",
        "docs/events.md lists them all; GET /api/v1/webhooks/event-types those that webhooks can have.",
    ),
    "unknown_dataset": (
        422,
        "There is no such dataset, or not for this institution",
        "Name datasets of the institution, or public ones.",
    ),
    "too_many_webhooks": (409, "The institution has as many webhooks as it may", "Delete one that is not needed."),
    "webhook_disabled": (
        409,
        "The webhook is disabled",
        'See in its `health` why, mend that, and enable it: PATCH with `{"active": true}`.',
    ),
    "invalid_redelivery": (
        422,
        "It is not clear which events are to be sent again",
        "Say one of `event_ids`, `dead` and `since`; times need a zone.",
    ),
    "already_member": (409, "The account is a member already", "Change its role instead."),
    "group_exists": (409, "A group of this name exists", "Choose another name, or use the one there is."),
    "group_in_use": (409, "The group still has grants on datasets", "Revoke them, then dissolve the group."),
    "too_many_groups": (409, "There are as many groups, or members of one, as may be", "Dissolve what is not used."),
    "already_accessible": (409, "The dataset is open to you", "Nothing is to ask for: read it."),
    "too_many_open_requests": (
        409,
        "Too many requests for access are open",
        "Wait until some are decided, or take some back.",
    ),
    "request_decided": (409, "The request was decided already", "Look at it: its state says how."),
    "too_many_grants": (409, "The dataset has as many grants as it may", "Make a group and grant the dataset to it."),
    "expiry_passed": (422, "The moment of expiry has passed", "Send a later one, or none."),
    "unknown_group": (422, "There is no such group", "Send the `group_id` of a group, as its institution lists it."),
    "institution_exists": (409, "An institution of this name exists", "Choose another name, or use the one there is."),
    "not_held": (
        409,
        "No version of the upload waits to be published",
        "GET /api/v1/uploads/{id} tells where it is; only what is `held` is published by hand.",
    ),
    "alert_resolved": (409, "The alert was resolved", "Nothing is to do: what raised it is gone."),
    "version_erased": (
        410,
        "The version was erased for good",
        "Nothing of it is stored any more, and nothing brings it back; the detail says when and why.",
    ),
    "upload_withdrawn": (
        409,
        "The upload of the version was taken back",
        "What an uploader took back is not restored: send the file again, and it becomes a new version.",
    ),
    "not_comparable": (
        422,
        "The two versions cannot be compared",
        "Compare versions of one dataset, of up to 1,000 tables each.",
    ),
    "no_such_pair": (
        422,
        "There is no such table in both versions",
        "GET /api/v1/versions/{id}/compare tells which tables belong together; name one of the later version.",
    ),
    "invalid_key": (
        422,
        "The columns do not tell the rows of both tables apart",
        "The detail says why; choose other columns, or leave `key` out to compare rows whole.",
    ),
    "not_confirmed": (
        422,
        "The erasure was not confirmed",
        "Send the dataset's name, `institution/dataset`, as `confirm`.",
    ),
    "invalid_as_of": (
        422,
        "The moment is none, or this cannot be asked about the past",
        "`as_of` is a time with its offset, `2026-03-01T12:00:00Z`, or the id of an event of the dataset.",
    ),
    "version_withdrawn": (410, "The version was withdrawn", "Use a newer version; the detail says why this one went."),
    "document_too_large": (413, "The document is larger than is answered at once", "Ask for it as a download."),
    "range_not_satisfiable": (
        416,
        "The object has no such bytes",
        "Content-Range of the answer tells how many it has.",
    ),
    "contract_changed": (
        409,
        "The contract was changed meanwhile",
        "Read the contract again, and send the same request again if it still makes sense.",
    ),
    "suggestion_accepted": (
        409,
        "The suggestion was accepted",
        "The contract has the clause now: define the contract without it to take it back.",
    ),
    "invalid_contract": (
        422,
        "The document is no contract of the Open Data Contract Standard",
        "The detail names the first place that is wrong; the standard's JSON Schema says what may stand there.",
    ),
    "unsupported_media_type": (
        415,
        "The document is of a kind that is not read here",
        "The detail lists the media types that are: send one of them as `Content-Type`.",
    ),
    "invalid_description": (
        422,
        "The document describes no dataset that can be imported",
        "The detail says what is wrong: send a data package, or DCAT as Turtle, RDF/XML or self-contained JSON-LD.",
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
    "not_acceptable": (
        406,
        "Rows do not come in any of the media types that the request accepts",
        "The detail lists those there are: send one of them as `Accept`, or no such header for JSON.",
    ),
    "unknown_column": (422, "The table has no column of this name", "GET /api/v1/tables/{id}/columns lists them."),
    "unknown_field": (
        422,
        "The list has no field of this name to filter, sort or show",
        "The detail lists those there are; the API document describes them with the operation.",
    ),
    "unknown_parameter": (
        422,
        "The query string has a parameter that means nothing here",
        "A condition on a column is written `column[operator]=value`, for example `price[gte]=3`.",
    ),
    "unknown_operator": (422, "There is no such operator", "The detail lists those there are."),
    "invalid_filter": (
        422,
        "The filter is not one",
        "The detail says what is wrong; filters are described with the operation in the API document.",
    ),
    "invalid_value": (
        422,
        "A value does not fit the column it is compared with",
        "The detail says what the column holds, and how it is written.",
    ),
    "invalid_expression": (
        422,
        "What to group by or to measure is not an expression",
        "Write `function(column)`; the detail lists the functions that the column's type has.",
    ),
    "invalid_sample": (
        422,
        "The sample is not one",
        "Ask for a number of rows, `sample=1000`, or for a share, `sample=5%`.",
    ),
    "invalid_query": (422, "The question makes no sense for this table", "The detail says why."),
    "filter_too_large": (
        422,
        "The filter has more conditions than are carried out",
        "Ask in several requests, or download the table and filter it at home.",
    ),
    "limit_too_large": (
        422,
        "A page of JSON does not hold so many rows",
        "Ask for fewer and follow `next`, or accept `application/x-ndjson`, which has no limit.",
    ),
    "invalid_sql": (
        422,
        "The statement cannot be run",
        "The detail has the parser's words, or the name that means nothing.",
    ),
    "sql_not_allowed": (
        422,
        "The statement does what none may do here",
        "Send one SELECT over tables of the catalog; nothing else can be read, and nothing written.",
    ),
    "too_many_statements": (503, "As many statements run as may run at once", "Wait a few seconds and send it again."),
    "query_failed": (
        422,
        "The engine could not carry the question out",
        "The detail has its words: often a sum that overflows, or a regular expression that is none.",
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
