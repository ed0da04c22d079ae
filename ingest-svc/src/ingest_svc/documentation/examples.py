"""Examples of the API document: one of each request and answer, told as one story of one upload."""

from typing import Any, Final

UPLOAD: Final = "0190c5a4-7d2e-7c11-9f3a-52b1f6a0d7e1"
REQUEST: Final = "8d4bb9a0-6d1c-4b58-9d0a-3f1b63c5a1de"
_RUN: Final = "6d2c1f2e-59ad-5a0f-8a6e-6d0b0a6ab0c9"
_SECOND_RUN: Final = "b4b6f1ce-07c3-5d6b-bb3a-0f7a94d1f6f3"
_ACCOUNT: Final = "00000000-0000-4000-8000-000000000007"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_FILE: Final = {
    "name": "readings.csv",
    "size_bytes": 48213,
    "sha256": _SHA256,
    "format": "csv",
    "media_type": "text/csv",
    "encoding": "utf-8",
    "confidence": 1.0,
}
_UPLOADED: Final[dict[str, Any]] = {
    "upload_id": UPLOAD,
    "institution": "aq",
    "dataset": "air-quality",
    "dataset_id": "cff8b7ec-92e8-5a87-9361-00b217309134",
    "version_id": _RUN,
    "state": "received",
    "file": _FILE,
    "received_at": "2026-03-01T08:00:00Z",
    "links": {"self": f"/v1/uploads/{UPLOAD}", "withdrawal": f"/v1/uploads/{UPLOAD}/withdrawal"},
}
_RUN_SHOWN: Final = {
    "run_id": _RUN,
    "handler": "csv",
    "handler_version": "3",
    "rows": 1204,
    "table_count": 1,
    "tables": [{"index": 0, "name": "readings", "rows": 1204, "done": True}],
}
_PROGRESS: Final = {
    "stage": "published",
    "final": True,
    "received_bytes": 48213,
    "size_bytes": 48213,
    "run": _RUN_SHOWN,
    "version": {"version_id": _RUN, "number": 1},
    "change": 5,
    "at": "2026-03-01T08:00:04Z",
}
_LINKS: Final = {"self": f"/v1/uploads/{UPLOAD}", "events": f"/v1/uploads/{UPLOAD}/events"}
_LISTED: Final = {
    "upload_id": UPLOAD,
    "institution": "aq",
    "dataset": "air-quality",
    "file_name": "readings.csv",
    "state": "received",
    "stage": "published",
    "final": True,
    "received_bytes": 48213,
    "size_bytes": 48213,
    "version": {"version_id": _RUN, "number": 1},
    "began_at": "2026-03-01T08:00:00Z",
    "links": _LINKS,
}
_REQUESTED: Final[dict[str, Any]] = {
    "request_id": REQUEST,
    "institution": "aq",
    "dataset": "air-quality",
    "upload_id": UPLOAD,
    "options": {"encoding": "windows-1252", "delimiter": ";", "header_row": 3},
    "state": "requested",
    "counts": {"runs": 1, "published": 0, "failed": 0, "cancelled": 0, "held": 0, "under_way": 1},
    "skipped": 0,
    "requested_by": _ACCOUNT,
    "requested_at": "2026-03-01T10:00:00Z",
    "links": {
        "self": f"/v1/processing-requests/{REQUEST}",
        "runs": f"/v1/processing-requests/{REQUEST}/runs",
        "upload": f"/v1/uploads/{UPLOAD}",
        "cancellation": f"/v1/processing-requests/{REQUEST}/cancellation",
    },
}
_LIMITS: Final = {
    "institution": "aq",
    "max_upload_bytes": {"quota": 107374182400},
    "bytes_stored": {"quota": 10995116277760, "used": 48213, "remaining": 10995116229547},
    "bytes_per_day": {"quota": 1099511627776, "used": 48213, "remaining": 1099511579563},
    "uploads_in_flight": {"quota": 256, "used": 0, "remaining": 256},
}

ANSWERS: Final[dict[str, Any]] = {
    "uploadOneFile": _UPLOADED,
    "uploadOneFileByPut": _UPLOADED,
    "uploadOneFileByPutNamedByThePath": _UPLOADED,
    "takeAnUploadBack": {
        **_UPLOADED,
        "state": "withdrawn",
        "reason": {"code": "wrong_file", "detail": ""},
        "withdrawn_at": "2026-03-01T09:00:00Z",
        "links": {"self": f"/v1/uploads/{UPLOAD}"},
    },
    "showAnUpload": {
        **_UPLOADED,
        "began_at": "2026-03-01T08:00:00Z",
        "progress": _PROGRESS,
        "links": {**_LINKS, "withdrawal": f"/v1/uploads/{UPLOAD}/withdrawal"},
    },
    "listUploads": {"items": [_LISTED], "next": "WyIyMDI2LTAzLTAxVDA4OjAwOjAwKzAwOjAwIl0"},
    "processAnUploadOrADatasetAgain": _REQUESTED,
    "listProcessingRequests": {"items": [_REQUESTED]},
    "showAProcessingRequest": _REQUESTED,
    "cancelAProcessingRequest": {**_REQUESTED, "state": "cancelling", "cancelled_at": "2026-03-01T10:01:00Z"},
    "listTheRunsOfAProcessingRequest": {
        "items": [
            {
                "upload_id": UPLOAD,
                "stage": "parsing",
                "final": False,
                "run_id": _SECOND_RUN,
                "request_id": REQUEST,
                "handler": "csv",
                "handler_version": "3",
                "attempt": 1,
                "rows": 512,
                "bytes": 40960,
                "table_count": 1,
                "tables": [{"index": 0, "name": "readings", "rows": 512, "bytes": 40960}],
            }
        ]
    },
    "showTheLimitsOfAnInstitution": _LIMITS,
    "setTheLimitsOfAnInstitution": _LIMITS,
}
"""The JSON of each operation's answer of success, by operation id."""

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "takeAnUploadBack": {"why": {"reason_code": "wrong_file"}},
    "processAnUploadOrADatasetAgain": {
        "one upload, read in another way": {
            "upload_id": UPLOAD,
            "options": {"encoding": "windows-1252", "delimiter": ";", "header_row": 3},
        },
        "sheets and pages": {"upload_id": UPLOAD, "options": {"sheet": "Data 2026", "pages": "1-3,7"}},
        "a dataset, after an upgrade of its handler": {
            "institution": "aq",
            "dataset": "air-quality",
            "handler_version": "4",
        },
    },
    "setTheLimitsOfAnInstitution": {
        "a larger store": {"bytes_stored": 21990232555520},
        "as the settings say": {},
    },
}
"""JSON bodies, by operation id and what they show."""

CONTENT: Final[dict[str, Any]] = {
    "application/octet-stream": "station,no2\nnorth,12\nsouth,7\n",
    "application/offset+octet-stream": "station,no2\nnorth,12\nsouth,7\n",
    "multipart/form-data": {"file": "station,no2\nnorth,12\nsouth,7\n"},
}
"""Bodies that are no JSON, by media type."""

PARAMETERS: Final[dict[str, Any]] = {
    "institution": "aq",
    "dataset": "air-quality",
    "upload_id": UPLOAD,
    "request_id": REQUEST,
    "file_name": "readings.csv",
    "force": False,
    "content-disposition": 'attachment; filename="readings.csv"',
    "idempotency-key": "2026-03-01-readings",
    "last-event-id": "4",
    "stage": "failed",
    "limit": 20,
    "cursor": "WyIyMDI2LTAzLTAxVDA4OjAwOjAwKzAwOjAwIl0",
    "tus-resumable": "1.0.0",
    "upload-offset": 0,
    "upload-length": 29,
    "upload-defer-length": "1",
    "upload-metadata": "filename cmVhZGluZ3MuY3N2",
    "upload-concat": "partial",
    "upload-checksum": "sha256 n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
}
"""Parameters, by their names in lower case."""
