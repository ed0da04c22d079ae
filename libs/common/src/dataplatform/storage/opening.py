"""From settings to an open store: which implementation, which connection, which credentials."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from pydantic import SecretStr

from dataplatform.storage.errors import InvalidKeyError, ObjectStoreRefusedError
from dataplatform.storage.folder import FolderStore
from dataplatform.storage.interface import ObjectStore
from dataplatform.storage.keys import checked_key
from dataplatform.storage.s3 import S3Location, S3Store


class StoreSettings(Protocol):
    """The part of `dataplatform.settings.CommonSettings` that is needed here."""

    @property
    def object_store_url(self) -> str:
        """`s3://bucket[/prefix]` or `file:///absolute/folder`."""
        ...

    @property
    def s3_endpoint_url(self) -> str | None:
        """The server's address; `None` is AWS."""
        ...

    @property
    def s3_region(self) -> str:
        """The region requests are signed for."""
        ...

    @property
    def s3_access_key_id(self) -> str | None:
        """`None`: credentials come from the surroundings, as boto finds them (a role of the machine, for one)."""
        ...

    @property
    def s3_secret_access_key(self) -> SecretStr | None:
        """Belongs to `s3_access_key_id`."""
        ...


@asynccontextmanager
async def open_store(
    settings: StoreSettings, *, max_attempts: int = 5, read_timeout_seconds: float = 60
) -> AsyncGenerator[ObjectStore, None]:
    """Open the store that `object_store_url` names, and close its connections at the end.

    Does not ask the store anything: `check` does. Raises `ObjectStoreRefusedError` for a URL that names no store.
    `max_attempts` counts the first one too; between attempts boto waits 0.5 s on average, then 1 s, 2 s and so on.
    """
    url = urlsplit(settings.object_store_url)
    if url.scheme == "file" and url.netloc in {"", "localhost"} and url.path.startswith("/"):
        yield FolderStore(Path(unquote(url.path)))
    elif url.scheme == "s3" and url.netloc:
        location = S3Location(url.netloc, _prefix(url.path))
        async with _client(settings, max_attempts, read_timeout_seconds) as client:
            yield S3Store(client, location)
    else:
        raise ObjectStoreRefusedError(
            f"{settings.object_store_url!r} names no object store: "
            "DATAPLATFORM_OBJECT_STORE_URL must be s3://bucket[/prefix] or file:///absolute/folder"
        )


@cache
def _session() -> Any:
    """Return the one session of the process: each would load 100 ms worth of service descriptions for itself."""
    return aioboto3.Session()


def _prefix(path: str) -> str:
    prefix = path.strip("/")
    try:
        return f"{checked_key(prefix)}/" if prefix else ""
    except InvalidKeyError as error:
        raise ObjectStoreRefusedError(f"the prefix of DATAPLATFORM_OBJECT_STORE_URL is not usable: {error}") from error


def _client(settings: StoreSettings, max_attempts: int, read_timeout_seconds: float) -> Any:
    secret = settings.s3_secret_access_key
    config = AioConfig(
        signature_version="s3v4",
        # The body's own SHA-256 header is signed and verified by the server; hashing it once more would block the loop.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        retries={"mode": "standard", "max_attempts": max_attempts},
        connect_timeout=5,
        read_timeout=read_timeout_seconds,
        max_pool_connections=32,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )
    return _session().client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret is not None else None,
        config=config,
    )
