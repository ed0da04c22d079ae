"""What the endpoints of uploads share: the things they work with, what they check first, and how refusals are told."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Request

from dataplatform.events.identity import is_slug
from dataplatform.identity import Principal, TokenVerifier
from dataplatform.storage import ObjectStoreUnavailableError
from ingest_svc.commands import (
    DatabaseUnavailableError,
    ForbiddenError,
    KeyReusedError,
    UnknownUploadError,
    Uploads,
)
from ingest_svc.domain import NotWithdrawableError
from ingest_svc.problems import problem
from ingest_svc.uploads.access import authenticate, require_uploader
from ingest_svc.uploads.naming import InvalidFileNameError, file_name_of, presentable
from ingest_svc.uploads.reception import Reception

ACCESS_CODES: Final = (
    "token_missing",
    "token_invalid",
    "token_expired",
    "rate_limited",
    "identity_unavailable",
    "database_unavailable",
)
RECEIVING_CODES: Final = (
    "incomplete_body",
    "invalid_file_name",
    "invalid_idempotency_key",
    "role_missing",
    "unknown_institution",
    "stalled_body",
    "file_too_large",
    "storage_quota_exceeded",
    "daily_quota_exceeded",
    "too_many_uploads_in_flight",
    "invalid_dataset",
    "idempotency_key_reused",
    "object_store_unavailable",
)
_LENGTH_DIGITS: Final = 18
"""More is beyond a bigint, and beyond any limit: such a body is refused when it turns out to be so large."""
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints work with; one per application, at `app.state.desk`."""

    verifier: TokenVerifier
    uploads: Uploads
    reception: Reception
    body_idle_seconds: float


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


async def require_destination(request: Request, desk: Desk, institution: str, dataset: str) -> Principal:
    """Return who sends the request if they may upload to the dataset; raises problems."""
    principal = await authenticate(request, desk.verifier)
    require_uploader(principal, institution)
    if not is_slug(dataset):
        raise problem("invalid_dataset", f"{dataset[:100]!r} is not such a name")
    return principal


def checked_key(key: str | None) -> str | None:
    """Return an Idempotency-Key that can be used; raises the problem `invalid_idempotency_key`."""
    if key is not None and not _KEY.fullmatch(key):
        raise problem("invalid_idempotency_key")
    return key


def name_in(disposition: str | None, name: str | None = None) -> str:
    """Return the file's name, from `Content-Disposition` unless it is given; raises the problem `invalid_file_name`."""
    try:
        return file_name_of(disposition) if name is None else presentable(name)
    except InvalidFileNameError as error:
        raise problem("invalid_file_name", str(error)) from error


def announced_bytes(request: Request) -> int | None:
    """Return how many bytes the body will have, if the request says so."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdecimal() and len(announced) <= _LENGTH_DIGITS else None


async def call(work: Awaitable[Result]) -> Result:
    """Await a command and tell its refusals as problems."""
    try:
        return await work
    except DatabaseUnavailableError as error:
        raise problem("database_unavailable", "send the request again") from error
    except ObjectStoreUnavailableError as error:
        raise problem("object_store_unavailable", "send the request again") from error
    except KeyReusedError as error:
        raise problem("idempotency_key_reused") from error
    except UnknownUploadError as error:
        raise problem("unknown_upload") from error
    except ForbiddenError as error:
        raise problem("role_missing", "its uploader or a steward of the institution may withdraw an upload") from error
    except NotWithdrawableError as error:
        raise problem("upload_not_withdrawable") from error
