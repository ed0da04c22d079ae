"""Schemathesis on a running service: examples, boundaries, random input, and chains of requests along the links.

Not asked for are the streams of events, which end when their upload does: nothing processes uploads here.
"""

import os
from pathlib import Path

import httpx
import pytest

from dataplatform.identity.testing import LocalIssuer
from dataplatform_stack.fuzzing import run_schemathesis
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air-quality/uploads"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
HOOKS = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent)}


async def run(address: str, token: str, folder: Path, *, phases: str, examples: int) -> str:
    """Run it against the service, without the streams."""
    return await run_schemathesis(
        f"{address}/v1/openapi.json",
        f"Bearer {token}",
        folder,
        phases=phases,
        examples=examples,
        more=("--exclude-path-regex", r"/events$"),
        environment=HOOKS,
    )


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
    said = await run(address, token, tmp_path, phases="examples,coverage,stateful", examples=3)
    assert said.endswith("exit 0"), said[-20_000:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_no_random_input_and_no_chain_of_requests_breaks_a_promise(
    address: str, token: str, tmp_path: Path
) -> None:
    said = await run(address, token, tmp_path, phases="examples,coverage,fuzzing,stateful", examples=EXAMPLES)
    assert said.endswith("exit 0"), said[-40_000:]
