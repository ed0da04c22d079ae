"""The pages that people open, in a real browser behind the load balancer: whole, quiet, from one origin, and of use."""

from collections.abc import Iterator

import pytest
from harness import files
from harness.person import Person
from harness.platform import Platform

from dataplatform_stack.browser import Browser, Page

OPERATION = ".opblock:has(.opblock-summary-path[data-path='{path}']):has(.opblock-summary-method:text-is('{method}'))"

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


@pytest.fixture
def quiet() -> Iterator[list[Page]]:
    """Pages that must have ended without an error, a refused request, or one to another origin."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        assert (page.errors, page.failed_requests, page.foreign_requests) == ((), (), ()), page.url


@pytest.mark.parametrize(
    ("document", "path"),
    [("ingest", "/v1/institutions/{institution}/datasets/{dataset}/uploads"), ("catalog", "/api/v1/datasets")],
)
def test_swagger_ui_shows_every_operation(
    platform: Platform, person: Person, browser: Browser, quiet: list[Page], document: str, path: str
) -> None:
    with browser.open(f"{platform.url}/docs?document={document}", wait_for=".opblock") as page:
        quiet.append(page)
        told = person.get(page.evaluate("document.getElementById('document').dataset.url"))
        assert page.count(".opblock") == sum(len(set(item) & METHODS) for item in told["paths"].values())
        assert page.count(f".opblock-summary-path[data-path='{path}']") >= 1
        assert page.texts("header a[aria-current=page]")[0].lower().startswith(document)


@pytest.mark.parametrize("document", ["ingest", "catalog"])
def test_redoc_shows_every_operation(
    platform: Platform, person: Person, browser: Browser, quiet: list[Page], document: str
) -> None:
    with browser.open(f"{platform.url}/redoc?document={document}", wait_for="h1") as page:
        quiet.append(page)
        told = person.get(page.evaluate("document.getElementById('document').dataset.url"))
        page.wait("div[data-section-id^='operation/']")
        shown = page.count("div[data-section-id^='operation/']")
        assert shown == sum(len(set(item) & METHODS) for item in told["paths"].values())
        assert told["info"]["title"] in page.text("h1")


def test_an_operation_can_be_tried_out_with_a_token(
    platform: Platform, person: Person, browser: Browser, quiet: list[Page], dataset: str
) -> None:
    upload_id = person.upload(b"a,b\n1,2\n", "tried.csv", dataset=dataset).json()["upload_id"]
    with browser.open(f"{platform.url}/docs?document=ingest", wait_for=".opblock") as page:
        quiet.append(page)
        page.click(".btn.authorize")
        page.fill(".auth-container input", person.token)
        page.click(".auth-btn-wrapper button.authorize")
        page.click(".auth-btn-wrapper button.btn-done")
        operation = OPERATION.format(path="/v1/uploads/{upload_id}", method="GET")
        page.click(f"{operation} .opblock-summary")
        page.click(f"{operation} .try-out__btn")
        page.fill(f"{operation} tr[data-param-name=upload_id] input", upload_id)
        page.click(f"{operation} button.execute")
        page.wait(f"{operation} .live-responses-table tr.response td.response-col_status:has-text('200')")
        assert upload_id in page.text(f"{operation} .live-responses-table tr.response td.response-col_description")


def test_the_start_page_shows_what_was_published_and_finds_it(
    platform: Platform, person: Person, browser: Browser, quiet: list[Page], dataset: str
) -> None:
    upload_id = person.upload(files.csv_file(files.hospitals(20, seed=1)), "h.csv", dataset=dataset).json()["upload_id"]
    assert person.wait_for(upload_id)["state"] == "published"
    with browser.open(f"{platform.url}/", wait_for="h1") as page:
        quiet.append(page)
        page.fill("input[name=q]", "no such thing anywhere")
        page.click("button")
        page.wait("main")
        assert "q=no" in page.url


def test_a_problem_page_says_what_to_do(
    platform: Platform, person: Person, browser: Browser, quiet: list[Page]
) -> None:
    for refusal in (person.http.get("/v1/nowhere"), person.http.get("/api/v1/datasets", params={"cursor": "x"})):
        told = refusal.json()
        with browser.open(f"{platform.url}{told['type']}", wait_for="h1") as page:
            quiet.append(page)
            assert told["code"] in page.text()
    with browser.open(f"{platform.url}/problems", wait_for="a") as page:
        quiet.append(page)
        page.click("a[href*='problems/']")
        page.wait("h1")
