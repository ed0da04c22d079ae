"""Which of S3's and the connection's many failures is which of the store's few errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from dataplatform.storage.errors import (
    ObjectCorruptError,
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectStoreError,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
)

_NOT_FOUND: Final = {"NoSuchKey", "NotFound", "404"}
_REFUSED_STATUS: Final = {301, 307, 400, 401, 403, 404, 405, 501}
"""Statuses that the same request gets again and again, until somebody changes the set-up."""


class RangeBeyondEndError(ObjectStoreError):
    """The wanted range begins at or after the object's end."""


@contextmanager
def s3_errors(key: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what boto, aiohttp and the clock raise into the store's errors.

    `writing` tells what a failed precondition means: the key is taken, or (reading) the object was replaced.
    """
    try:
        yield
    except ClientError as error:
        raise _named(error, key, writing=writing) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ObjectStoreRefusedError(f"no credentials for the object store: {error}") from error
    except TimeoutError as error:
        raise ObjectStoreUnavailableError("the object store did not answer in time") from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        raise ObjectStoreUnavailableError(f"the object store cannot be reached: {error}") from error


def _named(error: ClientError, key: str, *, writing: bool) -> ObjectStoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _NOT_FOUND:
        return ObjectNotFoundError(f"no object {key!r}")
    if code == "PreconditionFailed":
        if writing:
            return ObjectExistsError(f"object {key!r} is already there")
        return ObjectCorruptError(f"object {key!r} was replaced while it was read")
    if code == "InvalidRange":
        return RangeBeyondEndError(f"object {key!r} is shorter than the wanted range")
    if status in _REFUSED_STATUS and code not in {"RequestTimeout", "BadDigest", "RequestTimeTooSkewed"}:
        return ObjectStoreRefusedError(f"the object store refused: {error}")
    return ObjectStoreUnavailableError(f"the object store failed: {error}")
