"""Every problem that the catalog answers with has a page where its type points."""

import re
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

SOURCE = Path(__file__).parents[1] / "src"

pytestmark = pytest.mark.integration


def codes_in_the_source() -> set[str]:
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    found = set(re.findall(r'(?:Problem|_refused|unavailable|invalid)\(\s*"([a-z_]+)"', text))
    phrases = {HTTPStatus(int(status)).phrase for status in re.findall(r"from_status\((\d{3})", text)}
    return found | {phrase.lower().replace(" ", "_") for phrase in phrases}


async def test_every_code_has_its_page(client: httpx.AsyncClient) -> None:
    codes = codes_in_the_source()
    assert len(codes) > 15
    listed = (await client.get("/problems")).text
    for code in codes:
        answer = await client.get(f"/problems/{code}")
        assert (answer.status_code, f"<code>{code}</code>" in answer.text) == (200, True), code
        assert f"/problems/{code}'" in listed
        assert "unsafe" not in answer.headers["content-security-policy"]
    told = await client.get("/problems/forbidden", headers={"Accept": "application/json"})
    assert told.json()["status"] == 403
    assert (await client.get("/problems/no-such")).status_code == 404
