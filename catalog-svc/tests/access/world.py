"""Two institutions with a dataset of each visibility and one of everything that belongs to a dataset, and the people
of one of them: what the authorisation matrix and the test of concurrent load ask about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg

from catalog_svc.projections import search, writing
from dataplatform.events import identity
from dataplatform.events.base import Event
from dataplatform.events.catalog import AccessGranted, CollectionCurated, ContractDefined, InstitutionRegistered
from dataplatform.events.quality import RuleOutcome
from dataplatform.log.envelope import Context

VISIBILITIES: Final = ("public", "institution", "restricted")
OWN, FOREIGN, THIRD = "demo", "other", "third"
PEOPLE: Final = (
    "anonymous", "reader", "uploader", "steward", "administrator", "platform administrator", "outsider", "grant holder",
)  # fmt: skip
"""`outsider` administers a third institution; `grant holder` is nothing but reader of the own restricted dataset."""


@dataclass(frozen=True)
class Place:
    """A dataset, and the ids of what belongs to it and to its institution, by the names of path parameters."""

    institution: str
    visibility: str
    ids: dict[str, str]

    @property
    def name(self) -> str:
        """`own public`, `foreign restricted`, ..."""
        return f"{'own' if self.institution == OWN else 'foreign'} {self.visibility}"


def build(
    catalog: psycopg.Connection[Any], inbox: Any, make_story: Any, make_reference: Any, make_token: Callable[..., Any]
) -> tuple[list[Place], dict[str, dict[str, str]]]:
    """Return the places and, by name, the headers that people send."""
    headers: dict[str, dict[str, str]] = {"anonymous": {}}
    for role in ("reader", "uploader", "steward", "administrator"):
        headers[role] = make_token(f"own-{role}", **{OWN: role})
    headers["platform administrator"] = make_token("root", is_admin=True)
    headers["outsider"] = make_token("outsider", **{THIRD: "administrator"})
    headers["grant holder"] = make_token("holder")
    for slug in (OWN, FOREIGN):
        make_token(f"member-{slug}", **{slug: "reader"})
        make_token(f"boss-{slug}", **{slug: "administrator"})
    places = [
        place for slug in (OWN, FOREIGN) for place in _institution(catalog, inbox, make_story(slug), make_reference)
    ]
    third = make_story(THIRD)
    inbox.receive(third.enclose(_registered(third)))
    _settle(catalog, places)
    return places, headers


def _registered(story: Any) -> InstitutionRegistered:
    return InstitutionRegistered(
        institution_id=story.institution_id, slug=story.institution, name=story.institution, registered_at=story.tick()
    )


def _institution(catalog: Any, inbox: Any, story: Any, make_reference: Any) -> list[Place]:
    inbox.receive(story.enclose(_registered(story)))
    slug = story.institution
    shared = _people(catalog, slug, story.institution_id)
    places = []
    for visibility in VISIBILITIES:
        upload = story.upload(visibility)
        alert = story.alert(upload)[0]
        run = list(story.run(upload))
        run[-1] = run[-1].model_copy(update={"report": make_reference(f"reports/{upload.upload_id}")})
        kept = make_reference(f"contracts/{upload.dataset_id}/result")
        rules = RuleOutcome(contract=kept, result=kept, passed=1, failed=0, not_evaluated=0, critical_failed=0)
        assessed = story.assessment(upload).model_copy(update={"rules": rules})
        inbox.receive(story.enclose(upload, *run, assessed, story.examination(upload), alert))
        run_id = identity.run_id(upload.upload_id)
        ids = {
            "dataset_id": str(upload.dataset_id), "institution": slug, "slug": slug, "dataset": visibility,
            "version_id": str(run_id), "table_id": str(identity.table_id(run_id, 0)), "with": str(run_id),
            "upload_id": str(upload.upload_id), "alert_id": str(alert.alert_id), "position": "0",
            "export_id": str(run_id), "suggestion_id": str(run_id), "suffix": "ttl",
            "standard": "croissant", "column": "pm10", "q": "air", **shared,
        }  # fmt: skip
        places.append(Place(slug, visibility, ids))
        _stewarded(catalog, story, upload.dataset_id, shared["member_id"], make_reference)
        ids["grant_id"] = _one(catalog, "SELECT grant_id FROM grants WHERE dataset_id = %s", upload.dataset_id)
        ids["event_id"] = _one(
            catalog, "SELECT event_id FROM events WHERE stream_id = %s LIMIT 1", f"dataset:{upload.dataset_id}"
        )
        request = uuid5(upload.dataset_id, "request")
        catalog.execute(
            "INSERT INTO access_requests (request_id, account_id, institution_slug, dataset_slug, dataset_id, message,"
            " state, requested_at, reason) VALUES (%s, %s, %s, %s, %s, '', 'open', now(), '')",
            [request, shared["member_id"], slug, visibility, upload.dataset_id],
        )
        ids["request_id"] = str(request)
    _append(
        catalog,
        CollectionCurated(
            collection_id=UUID(shared["collection_id"]), institution_id=story.institution_id, institution=slug,
            slug="shelf", title="Shelf", members=(), curated_at=story.tick(),
        ),
    )  # fmt: skip
    return places


def _stewarded(catalog: Any, story: Any, dataset: UUID, member: str, make_reference: Any) -> None:
    _append(
        catalog,
        ContractDefined(
            dataset_id=dataset, contract=make_reference(f"contracts/{dataset}"), defined_by=dataset,
            defined_at=story.tick(),
        ),
        AccessGranted(dataset_id=dataset, account_id=UUID(member), role="reader", granted_at=story.tick()),
    )  # fmt: skip


def _people(catalog: Any, slug: str, institution: UUID) -> dict[str, str]:
    """A group with a member, a service account with a token, a webhook with a delivery; no one that asks."""
    member = _one(catalog, "SELECT id FROM accounts WHERE username = %s", f"member-{slug}")
    group = uuid5(institution, "group")
    catalog.execute(
        "INSERT INTO groups (group_id, institution_id, institution_slug, slug, name, role, created_at)"
        " VALUES (%s, %s, %s, 'lab', 'Lab', '', now())",
        [group, institution, slug],
    )
    catalog.execute(
        "INSERT INTO group_members (group_id, account_id, added_at) VALUES (%s, %s, now())", [group, member]
    )
    shared = {"member_id": member, "account_id": member, "group_id": str(group)}
    shared["collection_id"] = str(uuid5(institution, "shelf"))
    return shared | _machines(slug, UUID(_one(catalog, "SELECT id FROM accounts WHERE username = %s", f"boss-{slug}")))


def _machines(slug: str, boss: UUID) -> dict[str, str]:
    services = import_module("catalog_svc.accounts.service_accounts")
    acting, models = (import_module(f"catalog_svc.{name}") for name in ("audit.acting", "accounts.models"))
    now = datetime.now(UTC)
    made = services.create(slug, "nightly", "", ["uploader"], acting.Act(boss, now, boss))
    token = models.PersonalToken.objects.create(
        account=made.account, name="nightly", digest=f"{slug}'s", ending="abcd", scopes=["upload"], created_at=now,
        created_by=boss, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    endpoint, delivery = uuid5(boss, "endpoint"), uuid5(boss, "delivery")
    webhooks = import_module("catalog_svc.webhooks.models")
    webhooks.Endpoint.objects.create(
        endpoint_id=endpoint, institution_id=identity.institution_id(slug), institution_slug=slug, secret=b"",
        url="https://hooks.example.org/x", event_types=["version.published.v1"], created_by=boss, created_at=now,
    )  # fmt: skip
    webhooks.Delivery.objects.create(
        delivery_id=delivery, endpoint_id=endpoint, event_id=delivery, type="version.published.v1", state="delivered",
        created_at=now, asked_at=now,
    )  # fmt: skip
    own = {"service_id": str(made.pk), "token_id": str(token.pk)}
    return own | {"endpoint_id": str(endpoint), "delivery_id": str(delivery)}


def _append(catalog: Any, *events: Event) -> None:
    with catalog.transaction(), catalog.cursor() as cursor:
        writing.append(cursor, events, now=datetime.now(UTC), context=Context.begin(UUID(int=1)))


def _settle(catalog: Any, places: list[Place]) -> None:
    """Let the datasets be seen by whom they are for, as a revision does."""
    holder = _one(catalog, "SELECT id FROM accounts WHERE username = 'holder'")
    with catalog.transaction(), catalog.cursor() as cursor:
        for place in places:
            cursor.execute(
                "UPDATE datasets SET visibility = %s WHERE dataset_id = %s",
                [place.visibility, place.ids["dataset_id"]],
            )
        search.refresh(cursor, [UUID(place.ids["dataset_id"]) for place in places])
    mine = next(place for place in places if place.name == "own restricted")
    _append(
        catalog,
        AccessGranted(
            dataset_id=UUID(mine.ids["dataset_id"]),
            account_id=UUID(holder),
            role="reader",
            granted_at=datetime.now(UTC),
        ),
    )


def _one(catalog: Any, statement: str, *values: Any) -> str:
    row = catalog.execute(statement, values).fetchone()
    assert row, statement
    return str(row[0])
