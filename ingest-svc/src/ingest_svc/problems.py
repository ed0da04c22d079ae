"""Every problem that ingest answers with: its code, status and title in one table, which the API document shows too."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from dataplatform.problems import Problem
from dataplatform_formats.detection.outcome import REASONS

RETRY_SECONDS: Final = 5
_UNAVAILABLE: Final = 503
_UNAUTHORIZED: Final = 401
_UNPROCESSABLE: Final = 422
_CHECKSUM_MISMATCH: Final = 460
"""The tus protocol's own status."""

CATALOGUE: Final[dict[str, tuple[int, str]]] = {
    "storage_quota_exceeded": (403, "The institution stores as many bytes as it may"),
    "daily_quota_exceeded": (429, "The institution sent as many bytes today as it may"),
    "too_many_uploads_in_flight": (429, "As many uploads of the institution are under way as may be"),
    "rate_limited": (429, "The account sent more requests than it may in this time"),
    "incomplete_body": (400, "The body ended before it was whole"),
    "invalid_file_name": (400, "The file name in Content-Disposition cannot be used"),
    "invalid_form": (400, "The form is not understood, or does not bring exactly one file"),
    "invalid_tus_header": (400, "A header of the tus protocol is missing or not understood"),
    "invalid_metadata": (400, "Upload-Metadata is not understood"),
    "invalid_concatenation": (400, "The partial uploads named in Upload-Concat cannot be joined"),
    "unsupported_checksum": (400, "The checksum's algorithm is not one that is offered"),
    "invalid_idempotency_key": (400, "An Idempotency-Key has 1 to 255 visible ASCII characters"),
    "token_missing": (401, "A bearer token is needed"),
    "token_invalid": (401, "The token is not valid"),
    "token_expired": (401, "The token has expired"),
    "role_missing": (403, "The token gives no right to do this"),
    "upload_is_final": (403, "The upload is made of partial uploads; bytes are sent to those"),
    "unknown_institution": (404, "There is no such institution for this token"),
    "unknown_upload": (404, "There is no such upload for this token"),
    "unknown_request": (404, "There is no such processing request for this token"),
    "unknown_dataset": (404, "There is no such dataset for this token, or it has no upload to process"),
    "stalled_body": (408, "The body stopped arriving, or only drips"),
    "offset_mismatch": (409, "Upload-Offset is not where the upload stands; ask with HEAD, go on from there"),
    "upload_taken_over": (409, "Another request goes on with this upload; ask with HEAD where it stands"),
    "upload_length_conflict": (409, "The length of the upload is known already, and is another"),
    "upload_not_withdrawable": (409, "A rejected upload left nothing to withdraw"),
    "upload_not_processable": (409, "A rejected or withdrawn upload has nothing to process"),
    "upload_expired": (410, "The upload was not gone on with in time and was removed; begin a new one"),
    "upload_terminated": (410, "The upload was ended by DELETE"),
    "unsupported_tus_version": (412, "Tus-Resumable names no version that is spoken here, or is missing"),
    "upload_length_exceeded": (413, "The body has more bytes than the upload's length leaves room for"),
    "unsupported_content_type": (415, "Bytes are sent as application/offset+octet-stream"),
    "upload_locked": (423, "Another request is sending bytes of this upload at the moment"),
    "checksum_mismatch": (460, "The bytes are not those that Upload-Checksum tells; they were dropped"),
    "file_too_large": (413, "The file is larger than is taken here"),
    "invalid_cursor": (422, "The cursor is not one that a page gave"),
    "too_many_uploads": (422, "The dataset has more uploads than one request may be about"),
    "invalid_dataset": (422, "A dataset is named by 1 to 64 lower-case letters, digits and inner hyphens"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for another file or dataset"),
    "invalid_request": (422, "The request does not have the expected shape"),
    "internal_error": (500, "Internal error"),
    "replica_stopping": (503, "This replica is being stopped; what arrived is kept, go on with another"),
    "database_unavailable": (503, "The database is not reachable at the moment"),
    "object_store_unavailable": (503, "The object store is not reachable at the moment"),
    "identity_unavailable": (503, "Tokens cannot be checked at the moment"),
    **{code: (_UNPROCESSABLE, title) for code, title in REASONS.items()},
}


def problem(
    code: str, detail: str = "", extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Problem:
    """Return the problem with this code, with the headers that its status asks for beside those given."""
    status, title = CATALOGUE[code]
    headers = dict(headers or {})
    if status == _UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if status == _UNAUTHORIZED:
        error = "" if code == "token_missing" else ', error="invalid_token"'
        headers["WWW-Authenticate"] = f'Bearer realm="dataplatform"{error}'
    return Problem(code, title, status, detail, extra=extra, headers=headers)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation for the API document: per status, an example of every code."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, title = CATALOGUE[code]
        content = responses.setdefault(status, _response(status))["content"]["application/problem+json"]
        content["examples"][code] = {"summary": title, "value": problem(code).to_dict()}
    return responses


def _response(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        "description": "Checksum Mismatch" if status == _CHECKSUM_MISMATCH else HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": schema, "examples": {}}},
    }
