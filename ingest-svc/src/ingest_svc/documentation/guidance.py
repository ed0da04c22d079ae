"""What to do about each problem of `ingest_svc.problems`, for its page. A test keeps both tables complete."""

from typing import Final

from dataplatform.problem_pages import Explanation, generic
from ingest_svc.problems import CATALOGUE

REMEDIES: Final[dict[str, str]] = {
    "storage_quota_exceeded": "Withdraw uploads that are no longer needed, or ask whoever runs the platform for a "
    "larger quota. The member `limit` says how much is used and left; waiting does not help.",
    "daily_quota_exceeded": "Wait until the next UTC day begins (the header Retry-After counts the seconds), or ask "
    "for a larger quota. The member `limit` says how much is left today.",
    "too_many_uploads_in_flight": "Let uploads that are under way end, or end others by DELETE, then try again; "
    "abandoned ones also lapse by themselves.",
    "rate_limited": "Wait as long as the header Retry-After says, then go on more slowly: the headers RateLimit-Policy "
    "and RateLimit of every answer tell how many requests are left, and until when.",
    "incomplete_body": "Send the file again. Over a connection that breaks often, use a resumable upload (tus).",
    "invalid_file_name": "Send Content-Disposition as `attachment; filename=\"name.csv\"`, or filename*=UTF-8'' with "
    "percent codes for other characters; at most 255 characters, no control characters.",
    "invalid_form": "Send the form as multipart/form-data with exactly one file in it.",
    "invalid_tus_header": "Compare the header that the detail names with the tus protocol 1.0.0; a tus client library "
    "sends it right.",
    "invalid_metadata": "Send Upload-Metadata as pairs of a key and a base64 value, separated by commas.",
    "invalid_concatenation": "Name, in order, the addresses of partial uploads that are finished and yours.",
    "unsupported_checksum": "Use one of the algorithms that the header Tus-Checksum-Algorithm offers.",
    "invalid_idempotency_key": "Choose a key of 1 to 255 visible ASCII characters, for example a UUID.",
    "token_missing": "Send the header `Authorization: Bearer <token>`. The catalog gives tokens: POST /api/v1/tokens.",
    "token_invalid": "Get a new token from the catalog, and send it unchanged as `Authorization: Bearer <token>`.",
    "token_expired": "Get a new token and send the request again. A resumable upload goes on where it stood.",
    "role_missing": "Ask an administrator of the institution for the role that the detail names, then get a new token: "
    "roles are written into tokens.",
    "upload_is_final": "Send bytes to the partial uploads before they are joined.",
    "unknown_institution": "Check the name. What your token does not name does not exist for you: if you were made a "
    "member a moment ago, get a new token.",
    "unknown_upload": "Check the id, and that your token names the institution that it belongs to.",
    "unknown_request": "Check the id, and that your token names the institution that it belongs to.",
    "unknown_dataset": "Check both names. A dataset comes into being by its first upload; "
    "one whose uploads are all rejected or withdrawn has nothing to process.",
    "stalled_body": "Send the file again without pauses, or use a resumable upload (tus).",
    "offset_mismatch": "Ask with HEAD where the upload stands, and go on from Upload-Offset.",
    "upload_taken_over": "Another connection of yours goes on with this upload. If that is not meant, ask with HEAD "
    "where it stands, and go on from there.",
    "upload_length_conflict": "Begin a new upload: the length of one cannot be changed.",
    "upload_not_withdrawable": "Nothing: a rejected upload left nothing in the platform.",
    "upload_not_processable": "Upload the file again. Of a rejected or withdrawn upload nothing can be made.",
    "upload_expired": "Begin a new upload. What had arrived was removed when its time was over.",
    "upload_terminated": "Begin a new upload, if the file is wanted after all.",
    "unsupported_tus_version": "Send `Tus-Resumable: 1.0.0`.",
    "upload_length_exceeded": "Send no more bytes than Upload-Length said.",
    "unsupported_content_type": "Send `Content-Type: application/offset+octet-stream`.",
    "upload_locked": "Wait a moment, ask with HEAD where the upload stands, and go on from there.",
    "checksum_mismatch": "Ask with HEAD where the upload stands, and send that part again: it changed on its way.",
    "file_too_large": "Split the file, compress it, or ask whoever runs the platform for a larger limit.",
    "invalid_cursor": "Take `next` of the page before, unchanged; or begin at the first page, without a cursor.",
    "too_many_uploads": "Ask for the uploads one by one, by `upload_id`.",
    "invalid_dataset": "Name the dataset by 1 to 64 lower-case letters, digits and inner hyphens: `air-quality`.",
    "idempotency_key_reused": "Use a new key for what is new; send the very same again to repeat what was.",
    "invalid_request": "Compare the request with the API document; the member `errors` names each part that is wrong.",
    "internal_error": "The fault is ours. Send the request again later; if it stays, report the X-Correlation-ID.",
    "replica_stopping": "Send the request again: another replica takes it. A resumable upload goes on where it stood.",
    "database_unavailable": "Send the request again after Retry-After, with its Idempotency-Key if it had one.",
    "object_store_unavailable": "Send the request again after Retry-After, with its Idempotency-Key if it had one.",
    "identity_unavailable": "Send the request again after Retry-After: the keys that tokens are checked with could not "
    "be fetched.",
    # What is said of a file's content
    "empty_file": "Check the export that made the file: it has no content.",
    "unknown_format": "Send the file as CSV, Excel, OpenDocument, PDF or Parquet, or packed as the API document says.",
    "unsupported_format": "Convert the file into CSV, Excel, OpenDocument, PDF or Parquet, and send that.",
    "unsupported_compression": "Unpack the file and send what is inside, or pack it in a way that the detail names.",
    "encrypted_workbook": "Save the workbook without a password, and send it again.",
    "encrypted_parquet": "Write the Parquet file with a footer in plain, and send it again.",
    "encrypted_archive": "Pack the files without a password, or send them one by one.",
    "truncated_parquet": "Send the file again: it was cut off before it reached us.",
    "damaged_archive": "Open the file where it came from; if it opens there, send it again, else make it again.",
    "oversized_archive": "Send the files that are inside one by one, or in smaller archives.",
    "damaged_document": "Open the file where it came from; if it opens there, send it again, else make it again.",
    "damaged_text": "Save the file again in one encoding, best UTF-8: the detail says where it breaks.",
}

SERVICE_UNAVAILABLE: Final = Explanation(
    "service_unavailable",
    503,
    "No replica of the service is ready",
    "Wait as long as the header Retry-After says, then send the request again; with the same Idempotency-Key it is "
    "done once.",
)
"""What the load balancer answers by itself."""


def explanations() -> dict[str, Explanation]:
    """Return every problem that this service answers with, by code."""
    own = {
        code: Explanation(code, status, title, REMEDIES[code])
        for code, (status, title) in CATALOGUE.items()
        if code in REMEDIES
    }
    return {**generic(), SERVICE_UNAVAILABLE.code: SERVICE_UNAVAILABLE, **own}
