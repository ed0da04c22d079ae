"""The tus protocol's endpoints: creation, HEAD, PATCH, DELETE and OPTIONS. What they do is `service`."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.security import HTTPBearer

from dataplatform.log.envelope import Context
from dataplatform.telemetry.http import correlation_id_of
from dataplatform_formats.detection.outcome import REASONS
from ingest_svc.problems import documented, problem
from ingest_svc.tus import protocol
from ingest_svc.tus.ledger import TusUpload
from ingest_svc.tus.middleware import trailers_of
from ingest_svc.tus.protocol import CONTENT_TYPE, Checksum
from ingest_svc.tus.service import Creation, Incoming, Outcome, Resumables
from ingest_svc.uploads.access import authenticate
from ingest_svc.uploads.body import Body
from ingest_svc.uploads.desk import (
    ACCESS_CODES,
    RECEIVING_CODES,
    TheDesk,
    announced_bytes,
    call,
    checked_key,
    name_in,
    require_destination,
)
from ingest_svc.uploads.receiving import Force, Key, refusal_of
from ingest_svc.uploads.representations import location_of

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["resumable uploads"])

_CREATION: Final = "/institutions/{institution}/datasets/{dataset}/tus"
_UPLOAD: Final = "/tus/{upload_id}"
_BINARY: dict[str, Any] = {
    "requestBody": {"content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
_COMMON: Final = (*ACCESS_CODES, "unsupported_tus_version", "invalid_request")
_ONE: Final = (*_COMMON, "role_missing", "unknown_upload", "upload_expired", "upload_terminated")
_WRITING: Final = (
    "invalid_tus_header",
    "unsupported_checksum",
    "checksum_mismatch",
    "upload_length_exceeded",
    "upload_locked",
    "upload_taken_over",
    "unsupported_content_type",
    "replica_stopping",
    *RECEIVING_CODES,
    *REASONS,
)


def _header(alias: str, description: str) -> Any:
    return Header(alias=alias, description=description)


TusVersion = Annotated[str | None, _header("Tus-Resumable", "`1.0.0`")]
UploadLength = Annotated[str | None, _header("Upload-Length", "Bytes of the whole file")]
UploadOffset = Annotated[str | None, _header("Upload-Offset", "Where the body's first byte belongs")]
UploadChecksum = Annotated[str | None, _header("Upload-Checksum", "`sha256` or `sha1`, a space, the hash in Base64")]


def _resumables(request: Request) -> Resumables:
    found: Resumables = request.app.state.resumables
    return found


TheResumables = Annotated[Resumables, Depends(_resumables)]


@router.options(_CREATION, status_code=204, summary="What of tus is offered")
@router.options(_UPLOAD, status_code=204, summary="What of tus is offered", include_in_schema=False)
async def options(resumables: TheResumables) -> Response:
    """Tell version, extensions, checksums and the largest size."""
    headers = {
        "Tus-Version": protocol.VERSION,
        "Tus-Extension": ",".join(protocol.EXTENSIONS),
        "Tus-Max-Size": str(resumables.workshop.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    _CREATION,
    status_code=201,
    summary="Begin a resumable upload",
    responses=documented(*_COMMON, "invalid_metadata", "invalid_concatenation", *_WRITING),
    openapi_extra=_BINARY,
)
async def create(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    institution: str,
    dataset: str,
    desk: TheDesk,
    resumables: TheResumables,
    tus_resumable: TusVersion = None,  # noqa: ARG001 - the middleware has read it
    upload_length: UploadLength = None,
    upload_defer_length: Annotated[str | None, _header("Upload-Defer-Length", "`1`: the length follows")] = None,
    upload_metadata: Annotated[str | None, _header("Upload-Metadata", "Pairs; `filename` names the file")] = None,
    upload_concat: Annotated[str | None, _header("Upload-Concat", "`partial`, or `final;` and addresses")] = None,
    upload_checksum: UploadChecksum = None,
    idempotency_key: Key = None,
    force: Force = False,
) -> Response:
    """Create an upload, with its first bytes where there is a body, or join partial ones.

    `Location` is the upload's address. The last byte's answer tells what became of the file: `Upload-Outcome`, and
    `Link` to the upload under `/v1/uploads`; a file that is rejected for its content is answered with the problem.
    """
    body = Body(request.receive, idle_seconds=desk.body_idle_seconds)
    principal = await require_destination(request, desk, institution, dataset)
    concat = protocol.concat_of(upload_concat)
    is_final = concat is not None and concat.is_final
    if is_final and upload_length is not None:
        raise problem("invalid_tus_header", "a final upload has the length of its parts, and no Upload-Length")
    length = None if is_final else protocol.length_of(upload_length, upload_defer_length)
    metadata = protocol.metadata_of(upload_metadata)
    creation = Creation(
        principal=principal,
        institution=institution,
        dataset=dataset,
        file_name=name_in(None, protocol.file_name_in(metadata)),
        metadata=upload_metadata,
        concat=upload_concat.strip() if upload_concat is not None else None,
        length_bytes=length,
        forced=force,
        idempotency_key=checked_key(idempotency_key),
    )
    incoming = _incoming(request, body, upload_checksum) if _has_body(request) else None
    context = Context.begin(correlation_id_of(request.scope))
    outcome = await call(resumables.create(creation, context, request.scope, incoming))
    headers = {"Location": f"/v1/tus/{outcome.upload.upload_id}"}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    return _answer(outcome, 201, headers)


@router.head(
    _UPLOAD, summary="Where a resumable upload stands", responses={200: {"description": "OK"}, **documented(*_ONE)}
)
async def head(
    request: Request,
    upload_id: UUID,
    desk: TheDesk,
    resumables: TheResumables,
    tus_resumable: TusVersion = None,  # noqa: ARG001
) -> Response:
    """Tell the offset to go on from, the length, the metadata, and until when the upload is kept."""
    principal = await authenticate(request, desk.verifier)
    upload = await call(resumables.look(principal, upload_id))
    headers = _standing(upload)
    if upload.length_bytes is not None:
        headers["Upload-Length"] = str(upload.length_bytes)
    elif not upload.is_final:
        headers["Upload-Defer-Length"] = "1"
    if upload.metadata is not None:
        headers["Upload-Metadata"] = upload.metadata
    if upload.concat is not None:
        headers["Upload-Concat"] = upload.concat
    return Response(status_code=200, headers=headers)


@router.patch(
    _UPLOAD,
    status_code=204,
    summary="Send bytes of a resumable upload",
    responses=documented(*_ONE, "offset_mismatch", "upload_length_conflict", "upload_is_final", *_WRITING),
    openapi_extra=_BINARY,
)
async def patch(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    upload_id: UUID,
    desk: TheDesk,
    resumables: TheResumables,
    tus_resumable: TusVersion = None,  # noqa: ARG001
    upload_offset: UploadOffset = None,
    upload_length: UploadLength = None,
    upload_checksum: UploadChecksum = None,
) -> Response:
    """Take the body in at the upload's offset. What came of a body that broke off is kept, but with a checksum."""
    body = Body(request.receive, idle_seconds=desk.body_idle_seconds)
    principal = await authenticate(request, desk.verifier)
    offset = protocol.number("Upload-Offset", upload_offset)
    if offset is None:
        raise problem("invalid_tus_header", "a PATCH has an Upload-Offset")
    incoming = _incoming(request, body, upload_checksum)
    length = protocol.number("Upload-Length", upload_length)
    outcome = await call(resumables.append(principal, upload_id, offset, length, incoming))
    return _answer(outcome, 204, {})


@router.delete(
    _UPLOAD, status_code=204, summary="End a resumable upload", responses=documented(*_ONE, "upload_not_withdrawable")
)
async def delete(
    request: Request,
    upload_id: UUID,
    desk: TheDesk,
    resumables: TheResumables,
    tus_resumable: TusVersion = None,  # noqa: ARG001
) -> Response:
    """Drop an upload under way with all its bytes; one that is whole is withdrawn."""
    principal = await authenticate(request, desk.verifier)
    await call(resumables.terminate(principal, upload_id, Context.begin(correlation_id_of(request.scope))))
    return Response(status_code=204)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in request.headers


def _incoming(request: Request, body: Body, checksum: str | None) -> Incoming:
    """Return the bytes of a request, and how the client proves them; raises problems."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise problem("unsupported_content_type", f"Content-Type is {CONTENT_TYPE}")
    told = Checksum(checksum) if checksum is not None else None
    announced = "upload-checksum" in request.headers.get("trailer", "").lower()
    algorithms = (told.algorithm,) if told is not None else protocol.ALGORITHMS if announced else ()

    def trailing() -> Checksum | None:
        found = [value for name, value in trailers_of(request.scope) if name == b"upload-checksum"]
        return Checksum(found[-1].decode("latin-1")) if found else told

    # only a body of chunks has a trailer
    late = protocol.ALGORITHMS if not algorithms and "transfer-encoding" in request.headers else ()
    return Incoming(body, announced_bytes(request), algorithms, trailing, tuple(late))


def _standing(upload: TusUpload) -> dict[str, str]:
    """Return the headers that tell how an upload stands."""
    headers = {}
    if not upload.is_final or upload.is_whole:
        headers["Upload-Offset"] = str(upload.offset_bytes)
    if upload.state in ("receiving", "stored"):
        headers["Upload-Expires"] = protocol.http_date(upload.expires_at)
    elif upload.result_id is not None:
        headers["Upload-Outcome"] = upload.state
        headers["Link"] = f'<{location_of(upload.result_id)}>; rel="related"'
    return headers


def _answer(outcome: Outcome, status: int, headers: dict[str, str]) -> Response:
    headers |= _standing(outcome.upload)
    refusal = refusal_of(outcome.receipt) if outcome.receipt is not None else None
    if refusal is not None:
        refusal.headers.update(headers)
        raise refusal
    return Response(status_code=status, headers=headers)
