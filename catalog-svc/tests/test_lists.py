"""Every list of the REST interface takes conditions, an order, fields and cursors, and they do what they say."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final
from uuid import UUID, uuid5

import httpx
import psycopg
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events import identity

pytestmark = pytest.mark.integration

API: Final = "/api/v1"
NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEMO: Final = identity.institution_id("demo")
AIR: Final = identity.dataset_id(DEMO, "air-quality")
ROWS: Final = "/rows"
"""Rows, what sums them up, and what differs between two tables' rows, have a query language of their own."""
NO_LISTS: Final = {
    "/api/v1/search/suggest",  # how what is being typed may go on: a handful, ranked, each time anew
    "/api/v1/tables/{table_id}/profile",  # one document, told in pieces
}


@pytest.fixture(scope="module")
def document(catalog_url: str) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = import_module("catalog_svc.api").api.get_openapi_schema()
    return found


def test_every_list_that_the_document_has_takes_what_lists_take(document: dict[str, Any]) -> None:
    lists = dict(_lists(document))
    assert len(lists) >= 30, sorted(lists)
    for path, operation in lists.items():
        parameters = {found["name"]: found for found in operation["parameters"] if found["in"] == "query"}
        assert {"fields", "sort", "limit", "cursor"} <= parameters.keys(), path
        objects = [found for found in parameters.values() if found.get("style") == "deepObject"]
        assert objects, f"{path} cannot be filtered"
        assert all(found["schema"]["properties"] for found in objects), path
        told = operation["responses"][422]["description"]
        for code in ("unknown_field", "unknown_operator", "invalid_value", "invalid_cursor", "unknown_parameter"):
            assert f"`{code}`" in told, (path, code)


def test_rows_and_downloads_say_what_may_be_asked_of_them(document: dict[str, Any]) -> None:
    for path in ("rows", "rows/count", "download"):
        operation = document["paths"][f"{API}/tables/{{table_id}}/{path}"]["get"]
        names = [found["name"] for found in operation["parameters"]]
        assert {"filter", "q", "columns", "sort", "sample", "seed"} <= set(names), path
        assert len(names) == len(set(names)), path


def _lists(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the operations that answer with pages of items."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            content = operation["responses"].get(200, {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            properties = document["components"]["schemas"].get(name, {}).get("properties", {})
            if (
                {"items", "next"} <= properties.keys()
                and path not in NO_LISTS
                and ROWS not in path
                and operation is operations.get("get")
            ):
                yield path, operation


@pytest.fixture
def world(inbox: ProjectionInbox, story: Any, catalog: psycopg.Connection[Any], make_token: Any) -> dict[str, Any]:
    """Five of everything that is listed, some with the same values; an administrator's token."""
    head = make_token("head", is_admin=True)
    for nth in range(5):
        inbox.receive(story.published(f"set-{nth}", number=1))
        inbox.receive(story.published(number=nth + 1))
    catalog.execute(
        "INSERT INTO institutions (institution_id, slug, name, homepage, registered_at)"
        " VALUES (%s, 'demo', 'Demo', '', now())",
        [DEMO],
    )
    return {"head": head, **_people()}


def _people() -> dict[str, Any]:
    models = {name: import_module(f"catalog_svc.{name}.models") for name in ("accounts", "webhooks", "versions")}
    exports = import_module("catalog_svc.exports.models")
    account = models["accounts"].Account
    head = account.objects.get(username="head")
    service = None
    for nth in range(5):
        at = NOW + timedelta(hours=nth // 2)  # two each at the same moment
        person = account.objects.create(username=f"person-{nth}", name="Ada", created_at=at, tokens_valid_from=at)
        service = models["accounts"].ServiceAccount.objects.create(
            account=account.objects.create(
                username=f"demo:s{nth}", name=f"s{nth}", created_at=at, tokens_valid_from=at, is_active=nth % 2 == 0
            ),
            institution_slug="demo",
            owner=head,
        )
        for owner in (head, service.account):
            models["accounts"].PersonalToken.objects.create(
                account=owner, name=f"t{nth}", digest=f"{owner.pk}{nth}", ending="abcd", scopes=["catalog:read"],
                created_at=at, created_by=head.pk, expires_at=at, revoked_at=None if nth % 2 else at,
            )  # fmt: skip
        endpoint = models["webhooks"].Endpoint.objects.create(
            endpoint_id=uuid5(DEMO, f"hook {nth}"), institution_id=DEMO, institution_slug="demo",
            url=f"https://hooks.example.org/{nth}", event_types=["version.published.v1"], created_by=head.pk,
            created_at=at, secret=b"sealed", disabled_at=None if nth else at,
        )  # fmt: skip
        models["versions"].Erasure.objects.create(
            erasure_id=uuid5(DEMO, f"erasure {nth}"), dataset_id=AIR, original_erased=bool(nth % 2),
            reason_code="requested", reference=f"case {nth}", erased_at=at, completed_at=None if nth % 2 else at,
        )  # fmt: skip
        exports.Export.objects.create(
            export_id=uuid5(DEMO, f"export {nth}"), requested_by=head.pk, bearer={}, table_id=uuid5(DEMO, "table"),
            dataset_id=AIR, institution_slug="demo", format=["csv", "xlsx"][nth % 2], compression="none",
            escape_formulas=True, parameters=[], state="queued", row_estimate=nth, file_name=f"{nth}.csv",
            media_type="text/csv", created_at=at, ended_at=None if nth % 2 else at,
        )  # fmt: skip
    for nth in range(5):
        models["webhooks"].Delivery.objects.create(
            delivery_id=uuid5(DEMO, f"delivery {nth}"), endpoint=endpoint, event_id=uuid5(DEMO, f"event {nth}"),
            type="version.published.v1", dataset_id=AIR, state=["dead", "delivered"][nth % 2],
            created_at=NOW, asked_at=NOW, last_status=None if nth % 2 else 500 + nth,
        )  # fmt: skip
    assert person
    assert service
    return {"endpoint": endpoint.pk, "service": service.pk}


def _addresses(world: Mapping[str, Any]) -> dict[str, tuple[str, str, int]]:
    """Return, by address, the path in the document, the key of items, and how many there are."""
    return {
        "/datasets": ("/datasets", "dataset_id", 6),
        "/accounts": ("/accounts", "account_id", 11),
        "/me/tokens": ("/me/tokens", "token_id", 5),
        "/institutions/demo/service-accounts": ("/institutions/{slug}/service-accounts", "account_id", 5),
        f"/institutions/demo/service-accounts/{world['service']}/tokens": (
            "/institutions/{slug}/service-accounts/{account_id}/tokens", "token_id", 1,
        ),
        "/institutions/demo/webhooks": ("/institutions/{slug}/webhooks", "endpoint_id", 5),
        f"/webhooks/{world['endpoint']}/deliveries": ("/webhooks/{endpoint_id}/deliveries", "delivery_id", 5),
        "/webhooks/event-types?type[starts_with]=version.": ("/webhooks/event-types", "type", 5),
        f"/datasets/{AIR}/erasures": ("/datasets/{dataset_id}/erasures", "erasure_id", 5),
        f"/datasets/{AIR}/events?type[in]=version.published.v1": ("/datasets/{dataset_id}/events", "id", 5),
        "/exports": ("/exports", "export_id", 5),
    }  # fmt: skip


async def test_pages_in_every_order_show_each_item_once_and_only_the_fields_asked_for(
    client: httpx.AsyncClient, world: Mapping[str, Any], document: dict[str, Any]
) -> None:
    for address, (path, key, count) in _addresses(world).items():
        parameters = document["paths"][f"{API}{path}"]["get"]["parameters"]
        (described,) = [found["description"] for found in parameters if found["name"] == "sort"]
        names = described.split("descends: ")[1].split(";")[0].replace("`", "").split(", ")
        for order in (None, *names, *(f"-{name}" for name in names)):
            asked = {"fields": key, "limit": str(max(count - 2, 1))} | ({"sort": order} if order else {})
            seen: list[str] = []
            while True:
                answer = await client.get(f"{API}{address}", params=_with(address, asked), headers=world["head"])
                assert answer.status_code == 200, (address, order, answer.text)
                page = answer.json()
                assert all(set(item) == {key} for item in page["items"]), address
                seen += [item[key] for item in page["items"]]
                if page["next"] is None:
                    break
                asked["cursor"] = page["next"]
            assert len(seen) == len(set(seen)), (address, order)
            assert len(seen) == count, (address, order, seen)


def _with(address: str, asked: Mapping[str, str]) -> dict[str, str]:
    """Return parameters together with those that the address has already, which httpx would replace."""
    return dict(httpx.URL(f"http://x{address}").params) | dict(asked)


CHOSEN: Final = (
    ("/datasets", "title[eq]=Set 3", 1),
    ("/datasets", "slug[starts_with]=set-&sort=-slug", 5),
    ("/datasets", "version_count[gte]=2", 1),
    ("/datasets", "version_count[gte]=1&slug[ne]=set-0", 5),
    ("/datasets", f"dataset_id[in]={AIR}", 1),
    ("/datasets", "institution[eq]=elsewhere", 0),
    ("/datasets", "institution[eq]=demo&licence[is_null]=true", 6),
    ("/datasets", "q=set&slug[in]=set-1,set-2&sort=registered_at", 2),
    ("/accounts", "service[eq]=true&active[eq]=false", 2),
    ("/accounts", "name[eq]=Ada&service[ne]=true", 5),
    ("/me/tokens", "revoked_at[is_null]=true&scopes[contains]=catalog:read", 2),
    ("/institutions/demo/service-accounts", "name[in]=s1,s2,s9", 2),
    ("/institutions/demo/webhooks", "active[eq]=true&event_types[contains]=version.published.v1", 4),
    ("/webhooks/{endpoint}/deliveries", "last_status[gte]=502", 2),
    ("/webhooks/{endpoint}/deliveries", "state=dead&last_status[lt]=502", 1),
    ("/webhooks/{endpoint}/deliveries", "state[eq]=delivered", 2),
    (f"/datasets/{AIR}/erasures", "completed_at[is_null]=true&original_erased[eq]=true", 2),
    (f"/datasets/{AIR}/events", "type[eq]=upload.received.v1&sequence[eq]=1", 5),
    ("/exports", "format[eq]=csv&rows_estimated[gt]=0", 2),
)
"""Conditions on a list, and how many items they choose."""


async def test_conditions_choose_what_holds(client: httpx.AsyncClient, world: Mapping[str, Any]) -> None:
    for address, query, shown in CHOSEN:
        answer = await client.get(f"{API}{address.format(**world)}?{query}", headers=world["head"])
        assert answer.status_code == 200, (query, answer.text)
        assert len(answer.json()["items"]) == shown, (address, query)


async def test_datasets_are_counted_by_facets_as_the_conditions_choose_them(
    client: httpx.AsyncClient, world: Mapping[str, Any]
) -> None:
    asked = {"slug[in]": "set-1,set-2,none", "facets": "format", "sort": "title", "fields": "title"}
    told = (await client.get(f"{API}/datasets", params=asked, headers=world["head"])).json()
    assert told["items"] == [{"title": "Set 1"}, {"title": "Set 2"}]
    assert told["total"] == {"count": 2, "exact": True, "standard_error": 0.0}
    assert told["facets"]["format"]["values"] == [{"value": "csv", "count": 2, "selected": False}]


async def test_what_lists_do_not_have_is_refused_by_its_code(
    client: httpx.AsyncClient, world: Mapping[str, Any]
) -> None:
    for address in _addresses(world):
        bare = f"{API}{address.partition('?')[0]}"
        for query, code in (
            ("sort=nothing", "unknown_field"),
            ("fields=secret", "unknown_field"),
            ("secret[eq]=1", "unknown_field"),
            ("unheard=1", "unknown_parameter"),
            ("cursor=WzEsMl0", "invalid_cursor"),
        ):
            answer = await client.get(f"{bare}?{query}", headers=world["head"])
            assert (answer.status_code, answer.json()["code"]) == (422, code), (bare, query)


async def test_a_cursor_of_another_search_is_refused(client: httpx.AsyncClient, world: Mapping[str, Any]) -> None:
    first = (await client.get(f"{API}/datasets", params={"limit": 2}, headers=world["head"])).json()
    for other in ({"q": "set"}, {"slug[ne]": "x"}, {"format": "csv"}, {"sort": "title"}):
        answer = await client.get(f"{API}/datasets", params={"cursor": first["next"], **other}, headers=world["head"])
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor"), other
    assert UUID(first["items"][0]["dataset_id"])
