"""Pages in a real browser, for tests: open an address or an HTML file, wait, read, click, take a picture, see faults.

Playwright runs in a thread with an event loop of its own, so that plain and asynchronous tests use the same calls
(which block), and no test meets a loop that another one left running.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, async_playwright
from playwright.async_api import Page as PlaywrightPage

from dataplatform_stack.browser.install import Chromium

WAIT_SECONDS = 20.0
_FIRST_ERROR_STATUS = 400
_FLAGS = (
    "--disable-gpu",
    "--font-render-hinting=none",
    # Names other than this machine's do not resolve: a page that wants more shows it as a failed request.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_Result = TypeVar("_Result")


class Browser:
    """One headless Chromium. `with Browser(chromium) as browser, browser.open(target) as page: ...`."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._playwright: Any = None
        self._browser: PlaywrightBrowser | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @contextmanager
    def open(
        self,
        target: str | Path,
        *,
        wait_for: str | None = None,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
    ) -> Iterator["Page"]:
        """Open an address or a local HTML file in a profile of its own (no cookies, no cache of pages before).

        Returns when the page's `load` event is over, and the element `wait_for` (a CSS selector) is visible.
        """
        address = target.absolute().as_uri() if isinstance(target, Path) else target
        page = self._call(self._open(address, width=width, height=height, dark=dark))
        try:
            page.go(address)
            if wait_for is not None:
                page.wait(wait_for)
            yield page
        finally:
            self._call(page.context.close())

    async def _open(self, address: str, *, width: int, height: int, dark: bool) -> "Page":
        assert self._browser is not None, "the browser is used inside its `with`"  # noqa: S101 a mistake of the test
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(WAIT_SECONDS * 1000)
        return Page(self._call, context, await context.new_page(), address)

    async def _start(self) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=self._chromium.program, args=list(_FLAGS), env={**os.environ, **self._chromium.environment}
        )

    async def _stop(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    def _end(self) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Page:
    """One open page. Elements are named by CSS selectors or Playwright's (`text=Go`); each call waits up to 20 s."""

    def __init__(self, call: Any, context: BrowserContext, page: PlaywrightPage, address: str) -> None:
        self.context = context
        self._call = call
        self._page = page
        self._address = address
        self._errors: list[str] = []
        self._requests: list[str] = []
        self._failed: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._errors.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._requests.append(request.url))
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)

    @property
    def errors(self) -> tuple[str, ...]:
        """Errors and warnings of the console, and exceptions that nothing caught, in order."""
        return tuple(self._errors)

    @property
    def requests(self) -> tuple[str, ...]:
        """The addresses the page asked for, itself first; also those that failed."""
        return tuple(self._requests)

    @property
    def failed_requests(self) -> tuple[str, ...]:
        """Requests that got no answer, or one of status 400 or above: reason and address."""
        return tuple(self._failed)

    @property
    def foreign_requests(self) -> tuple[str, ...]:
        """Requests to another origin than the page's own; for a file, every request beyond the file itself."""
        if urlsplit(self._address).scheme == "file":
            own = self._address.split("#")[0]
            return tuple(url for url in self._requests if url.split("#")[0] != own and not _inline(url))
        return tuple(url for url in self._requests if _origin(url) != _origin(self._address) and not _inline(url))

    @property
    def title(self) -> str:
        """The document's title."""
        return str(self._call(self._page.title()))

    @property
    def url(self) -> str:
        """Where the page is now."""
        return self._page.url

    def go(self, address: str) -> None:
        """Go to an address and return after its `load` event."""
        self._call(self._page.goto(address))

    def wait(self, selector: str) -> None:
        """Return when an element is visible."""
        self._call(self._page.locator(selector).first.wait_for(state="visible"))

    def text(self, selector: str = "body") -> str:
        """Return the text of the first such element as a person sees it."""
        return str(self._call(self._page.locator(selector).first.inner_text()))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all such elements there are now; none is an empty list."""
        return list(self._call(self._page.locator(selector).all_inner_texts()))

    def count(self, selector: str) -> int:
        """Return how many such elements there are now."""
        return int(self._call(self._page.locator(selector).count()))

    def click(self, selector: str) -> None:
        """Click the first such element, once it is visible and still."""
        self._call(self._page.locator(selector).first.click())

    def fill(self, selector: str, value: str) -> None:
        """Put a value into the first such field."""
        self._call(self._page.locator(selector).first.fill(value))

    def choose(self, selector: str, value: str) -> None:
        """Choose the option of this value or label in the first such list."""
        self._call(self._page.locator(selector).first.select_option(value))

    def evaluate(self, script: str) -> Any:
        """Return what a JavaScript expression, or a function's call, gives (a promise is waited for)."""
        return self._call(self._page.evaluate(script))

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        """Write a PNG of the whole page, or of what is in sight."""
        self._call(self._page.screenshot(path=path, full_page=whole))
        return path

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._errors.append(f"{message.type}: {message.text}")

    def _on_failure(self, request: Request) -> None:
        self._failed.append(f"{request.failure}: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= _FIRST_ERROR_STATUS:
            self._failed.append(f"{response.status}: {response.url}")


def _origin(url: str) -> tuple[str, str]:
    split = urlsplit(url)
    return split.scheme, split.netloc


def _inline(url: str) -> bool:
    return urlsplit(url).scheme in {"data", "blob", "about"}
