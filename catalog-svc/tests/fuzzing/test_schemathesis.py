"""Schemathesis on the catalog's whole interface, served as `web` and `data` serve it, with a version to look at."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dataplatform import telemetry
from dataplatform.telemetry import Health
from dataplatform_stack.fuzzing import run_schemathesis

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))


@pytest.fixture
async def address(client: Any) -> AsyncIterator[str]:
    """Where the application listens; `client` closes what it opened."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    app = import_module("catalog_svc.serving").application(Health())
    serving = asyncio.create_task(telemetry.serve(app, "127.0.0.1", 0, stop, on_listening=port.set_result))
    yield f"http://127.0.0.1:{await asyncio.wait_for(port, 30)}"
    stop.set()
    await asyncio.wait_for(serving, 30)


@pytest.fixture
def authorization(inbox: Any, story: Any, make_token: Callable[..., dict[str, str]]) -> str:
    """Of an administrator of a platform in which something was published."""
    inbox.receive(story.published())
    return make_token("ada", is_admin=True, demo="steward")["Authorization"]


@pytest.mark.timeout(300)
async def test_no_input_of_the_examples_and_boundaries_breaks_a_promise(
    address: str, authorization: str, tmp_path: Path
) -> None:
    document = f"{address}/api/v1/openapi.json"
    said = await run_schemathesis(document, authorization, tmp_path, phases="examples,stateful", examples=2)
    assert said.endswith("exit 0"), said[-20_000:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_no_random_input_breaks_a_promise(address: str, authorization: str, tmp_path: Path) -> None:
    document, phases = f"{address}/api/v1/openapi.json", "examples,coverage,fuzzing,stateful"
    said = await run_schemathesis(document, authorization, tmp_path, phases=phases, examples=EXAMPLES)
    assert said.endswith("exit 0"), said[-40_000:]
