"""Schemathesis on a running service: examples, boundaries, random input, and chains of requests along the links.

Not asked for are the streams of events, which end when their upload does: nothing processes uploads here.
"""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from dataplatform.identity.testing import LocalIssuer
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air-quality/uploads"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth,unsupported_method,missing_required_header"
)
"""Not: `use_after_free`, since an upload that was taken back is still shown, as taken back; and those that take any
valid shape for a request that must succeed, or any other for one that must not."""


async def run_schemathesis(
    address: str, token: str, folder: Path, *, phases: str, examples: int, more: tuple[str, ...] = ()
) -> str:
    """Run it against the service; return what it says, with its exit status at the end."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/v1/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--phases", phases, "--max-examples", str(examples),
        "--checks", CHECKS, "--request-timeout", "20", "--no-color", "--seed", "4", "--workers", "1",
        "--generation-database", "none", "--exclude-path-regex", r"/events$", *more,
    ]  # fmt: skip
    hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent)}
    environment = {**os.environ, **hooks, "NO_PROXY": "*", "PYTHONWARNINGS": "ignore"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return f"{said.decode(errors='replace')}\nexit {process.returncode}"


@pytest.fixture
def settings(settings: IngestSettings) -> IngestSettings:
    """As elsewhere, but with rates that random input does not reach: it would test nothing else any more."""
    return settings.model_copy(
        update={f"rate_{name}_per_minute": 1_000_000 for name in ("requests", "uploads", "processing_requests")}
    )


@pytest.fixture
async def token(issuer: LocalIssuer, address: str) -> str:
    """Of someone who may do everything, with an upload there already for the examples to meet."""
    made = issuer.token({"aq": ["steward"]}, admin=True)
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {made}"}, trust_env=False) as one:
        assert (await one.post(PATH, content=b"a,b\n1,2\n")).status_code == 201
    return made


@pytest.mark.timeout(300)
async def test_no_input_of_the_examples_and_boundaries_breaks_a_promise(
    address: str, token: str, tmp_path: Path
) -> None:
    said = await run_schemathesis(address, token, tmp_path, phases="examples,coverage,stateful", examples=3)
    assert said.endswith("exit 0"), said[-20_000:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_no_random_input_and_no_chain_of_requests_breaks_a_promise(
    address: str, token: str, tmp_path: Path
) -> None:
    said = await run_schemathesis(
        address, token, tmp_path, phases="examples,coverage,fuzzing,stateful", examples=EXAMPLES
    )
    assert said.endswith("exit 0"), said[-40_000:]
