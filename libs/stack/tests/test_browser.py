"""A real browser: what a page shows, says and asks for, and that it reaches this machine only."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from dataplatform_stack.browser import Browser, ensure_chromium
from dataplatform_stack.errors import StackError

PAGE = """<!doctype html><meta charset="utf-8"><title>Lüfte</title>
<link rel="icon" href="data:,">
<p id="said"></p><input id="name"><button onclick="said.textContent = 'Hello ' + document.getElementById('name').value">
Greet</button><svg width="40" height="40"><circle cx="20" cy="20" r="18" fill="red"/></svg>
<script>
  setTimeout(() => document.body.insertAdjacentHTML("beforeend", "<b class=late>later</b>"), 50);
  %s
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_local_file_is_shown_read_and_used(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(PAGE % "", encoding="utf-8")
    with browser.open(file, wait_for=".late") as page:
        page.fill("#name", "Ada")
        page.click("text=Greet")
        assert (page.title, page.text("#said"), page.texts(".late")) == ("Lüfte", "Hello Ada", ["later"])
        assert page.evaluate("document.querySelectorAll('circle').length") == page.count("circle") == 1
        picture = page.screenshot(tmp_path / "page.png").read_bytes()
        assert (page.errors, page.failed_requests, page.foreign_requests) == ((), (), ())
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1280


async def test_an_asynchronous_test_uses_the_same_calls(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(PAGE % "", encoding="utf-8")
    with browser.open(file) as page:
        assert page.title == "Lüfte"


def test_errors_are_told(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(
        PAGE % "console.error('bad'); console.warn('odd'); console.log('fine'); missing();", encoding="utf-8"
    )
    with browser.open(file, wait_for="#name") as page:
        assert page.errors == ("error: bad", "warning: odd", "uncaught: missing is not defined")


def test_a_page_reaches_its_own_server_and_no_other_machine(browser: Browser, address: str, tmp_path: Path) -> None:
    addresses = "'/there.json', '/missing.json', 'http://example.org/elsewhere.js'"
    asks = f"for (const to of [{addresses}]) fetch(to).catch(() => 0);"
    (tmp_path / "page.html").write_text(PAGE % asks, encoding="utf-8")
    (tmp_path / "there.json").write_text("{}")
    with browser.open(f"{address}/page.html", wait_for=".late") as page:
        page.evaluate("fetch('http://example.org/again').catch(() => 0)")
        assert f"{address}/there.json" in page.requests
        assert f"404: {address}/missing.json" in page.failed_requests
        assert "net::ERR_NAME_NOT_RESOLVED: http://example.org/again" in page.failed_requests
        assert page.foreign_requests == ("http://example.org/elsewhere.js", "http://example.org/again")


def test_pages_share_nothing(browser: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE % "", encoding="utf-8")
    with browser.open(f"{address}/page.html") as page:
        page.evaluate("localStorage.setItem('token', 'secret'); document.cookie = 'a=b'")
    with browser.open(f"{address}/page.html") as page:
        assert page.evaluate("[localStorage.getItem('token'), document.cookie]") == [None, ""]


def test_where_the_package_has_none_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StackError, match="set DATAPLATFORM_BROWSER") as failure:
        ensure_chromium(tmp_path)
    assert failure.value.code == "browser_unavailable"
    monkeypatch.setenv("DATAPLATFORM_BROWSER", "/opt/chrome")
    assert ensure_chromium(tmp_path).program == Path("/opt/chrome")
