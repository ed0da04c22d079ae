"""Schemathesis against a running service, in a process of its own: examples, boundaries, random input, chains of links.

Which service, with whose token and on what data is the test's.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth,unsupported_method,missing_required_header"
)
"""Not: `use_after_free`, since what was taken back is still shown, as taken back; and those that take any valid shape
for a request that must succeed, or any other for one that must not."""


async def run_schemathesis(
    document: str,
    authorization: str,
    folder: Path,
    *,
    phases: str,
    examples: int,
    more: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run it by the OpenAPI document at an address; return what it says, with its exit status in the last line."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", document,
        "--header", f"Authorization: {authorization}", "--phases", phases, "--max-examples", str(examples),
        "--checks", CHECKS, "--request-timeout", "20", "--no-color", "--seed", "4", "--workers", "1",
        "--generation-database", "none", *more,
    ]  # fmt: skip
    variables = {**os.environ, "NO_PROXY": "*", "PYTHONWARNINGS": "ignore", **(environment or {})}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return f"{said.decode(errors='replace')}\nexit {process.returncode}"
