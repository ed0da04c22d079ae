"""Both implementations of the object store, on a real folder and a real S3, for the contract tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dataplatform.settings import CommonSettings
from dataplatform.storage import ObjectStore, open_store
from dataplatform_stack.testing import TestS3


def settings_for(url: str, server: TestS3 | None = None) -> CommonSettings:
    s3 = {name.lower(): value for name, value in server.settings("unused").items()} if server else {}
    return CommonSettings(
        **{**s3, "database_url": "postgresql://unused", "kafka_bootstrap_servers": "unused", "object_store_url": url}
    )


@pytest.fixture
async def folder_store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with open_store(settings_for((tmp_path / "objects").as_uri())) as store:
        yield store


@pytest.fixture
async def s3_store(s3_server: TestS3) -> AsyncIterator[ObjectStore]:
    s3_server.start()
    url = f"s3://{s3_server.create_bucket()}/some/prefix"
    async with open_store(settings_for(url, s3_server), max_attempts=2, read_timeout_seconds=10) as store:
        yield store


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    found: ObjectStore = request.getfixturevalue(f"{request.param}_store")
    return found
