"""Who may do what: the one table that the authorisation matrix is checked against, and that docs/access.md shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dataplatform.identity import ROLES

from .world import OWN, Place

REFUSED, HIDDEN, UNKNOWN = 403, 404, 401
Rule = Callable[[str, Place], int | None]
"""The status that refuses a person at a place; None: they may."""


def anybody(_who: str, _place: Place) -> int | None:
    """Whoever asks."""
    return None


def signed_in(who: str, _place: Place) -> int | None:
    """Whoever has an account."""
    return UNKNOWN if who == "anonymous" else None


def platform(who: str, _place: Place) -> int | None:
    """Administrators of the platform."""
    return UNKNOWN if who == "anonymous" else None if who == "platform administrator" else REFUSED


def any_administrator(who: str, _place: Place) -> int | None:
    """Administrators of any institution, who then see their own part."""
    if who == "anonymous":
        return UNKNOWN
    return None if who in {"administrator", "outsider", "platform administrator"} else REFUSED


def sees(who: str, place: Place) -> int | None:
    """Whoever sees the dataset; for everybody else it is not there."""
    granted = who == "grant holder" and place.name == "own restricted"
    member, steward = holds(who, "reader", place), holds(who, "steward", place)
    seen = place.visibility == "public" or granted or steward or (member and place.visibility == "institution")
    return None if seen else HIDDEN


def sees_by_name(who: str, place: Place) -> int | None:
    """Whoever has an account and sees the dataset."""
    return UNKNOWN if who == "anonymous" else sees(who, place)


def sees_upload(who: str, place: Place) -> int | None:
    """Whoever sees the dataset, and members of its institution."""
    return None if holds(who, "reader", place) else sees(who, place)


def of_dataset(role: str) -> Rule:
    """Whoever sees the dataset, and holds the role."""

    def rule(who: str, place: Place) -> int | None:
        if who == "anonymous":
            return UNKNOWN
        return sees(who, place) or (None if holds(who, role, place) else REFUSED)

    return rule


def at_institution(role: str) -> Rule:
    """Whoever holds the role at the institution, which everybody knows."""

    def rule(who: str, place: Place) -> int | None:
        if who == "anonymous":
            return UNKNOWN
        return None if holds(who, role, place) else REFUSED

    return rule


def within_institution(role: str) -> Rule:
    """Whoever holds the role at the institution; for who is no member it is not there."""

    def rule(who: str, place: Place) -> int | None:
        if who == "anonymous":
            return UNKNOWN
        if not holds(who, "reader", place):
            return HIDDEN
        return None if holds(who, role, place) else REFUSED

    return rule


def decides(who: str, place: Place) -> int | None:
    """Stewards of the institution; for everybody else the request is not there."""
    if who == "anonymous":
        return UNKNOWN
    return None if holds(who, "steward", place) else HIDDEN


def asked_oneself(who: str, place: Place) -> int | None:
    """Nobody of these but who asked: stewards see the request, and may not take it back."""
    return decides(who, place) or REFUSED


def holds(who: str, role: str, place: Place) -> bool:
    """Whether a person holds a role, or a stronger one, at the institution of a place."""
    if who == "platform administrator":
        return True
    return place.institution == OWN and who in ROLES and ROLES.index(who) >= ROLES.index(role)


@dataclass(frozen=True)
class Row:
    """What is expected of an operation: who may, and what they are answered (a status, or the code of a problem).

    `ids` are path parameters that are not those of the place; `body` and `query` are filled with its ids.
    """

    rule: Rule
    answer: int | str = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)


GONE: Final = "object_gone"
"""The bytes were never stored here: whoever gets this far was let through."""
READER, STEWARD, ADMINISTRATOR = of_dataset("reader"), of_dataset("steward"), of_dataset("administrator")
_SERVICE: Final = {"account_id": "{service_id}"}
_SHELF: Final = {"slug": "shelf"}
_TOKEN: Final = {"name": "t", "scopes": ["catalog:read"], "expires_in_days": 1}

ROWS: Final[Mapping[str, Row]] = {
    # accounts
    "POST /tokens": Row(anybody, "wrong_credentials", {"username": "own-reader", "password": "a wrong one"}),
    "GET /me": Row(signed_in),
    "POST /me/password": Row(signed_in, "wrong_credentials", {"current": "a wrong one", "new": "a long new password"}),
    "POST /invitations": Row(platform, 201, {"username": "newcomer"}),
    "POST /invitations/accept": Row(
        anybody, "invitation_ended", {"invitation": "x" * 40, "password": "a long password"}
    ),
    "GET /accounts": Row(platform),
    "GET /accounts/{account_id}": Row(platform),
    "PATCH /accounts/{account_id}": Row(platform, 200, {"name": "Somebody"}),
    "POST /accounts/{account_id}/sign-out": Row(platform, 204),
    "POST /accounts/{account_id}/invitation": Row(platform, 201),
    "GET /me/tokens": Row(signed_in),
    "POST /me/tokens": Row(signed_in, 201, _TOKEN),
    "DELETE /me/tokens/{token_id}": Row(signed_in, "not_found"),
    # institutions
    "GET /institutions": Row(anybody),
    "POST /institutions": Row(platform, 201, {"slug": "fourth", "name": "Fourth"}),
    "GET /institutions/{slug}": Row(anybody),
    "GET /institutions/{slug}/service-accounts": Row(at_institution("administrator")),
    "POST /institutions/{slug}/service-accounts": Row(
        at_institution("administrator"), 201, {"name": "bot", "roles": ["reader"]}
    ),
    "GET /institutions/{slug}/service-accounts/{account_id}": Row(at_institution("administrator"), ids=_SERVICE),
    "PATCH /institutions/{slug}/service-accounts/{account_id}": Row(
        at_institution("administrator"), 200, {"description": "x"}, ids=_SERVICE
    ),
    "GET /institutions/{slug}/service-accounts/{account_id}/tokens": Row(at_institution("administrator"), ids=_SERVICE),
    "POST /institutions/{slug}/service-accounts/{account_id}/tokens": Row(
        at_institution("administrator"), 201, _TOKEN, ids=_SERVICE
    ),
    "DELETE /institutions/{slug}/service-accounts/{account_id}/tokens/{token_id}": Row(
        at_institution("administrator"), 204, ids=_SERVICE
    ),
    "GET /institutions/{slug}/members": Row(at_institution("administrator")),
    "POST /institutions/{slug}/members": Row(
        at_institution("administrator"), 201, {"account": "holder", "role": "reader"}
    ),
    "GET /institutions/{slug}/members/{account_id}": Row(at_institution("administrator")),
    "PATCH /institutions/{slug}/members/{account_id}": Row(at_institution("administrator"), 200, {"role": "uploader"}),
    "DELETE /institutions/{slug}/members/{account_id}": Row(at_institution("administrator"), 204),
    "GET /institutions/{slug}/groups": Row(at_institution("steward")),
    "POST /institutions/{slug}/groups": Row(at_institution("administrator"), 201, {"slug": "team", "name": "Team"}),
    "GET /groups/{group_id}": Row(within_institution("steward")),
    "PATCH /groups/{group_id}": Row(within_institution("administrator"), 200, {"name": "New"}),
    "DELETE /groups/{group_id}": Row(within_institution("administrator"), 204),
    "GET /groups/{group_id}/members": Row(within_institution("steward")),
    "POST /groups/{group_id}/members": Row(within_institution("administrator"), 201, {"account": "holder"}),
    "DELETE /groups/{group_id}/members/{account_id}": Row(within_institution("administrator"), 204),
    # access
    "GET /datasets/{dataset_id}/grants": Row(STEWARD),
    "POST /datasets/{dataset_id}/grants": Row(STEWARD, 201, {"account": "outsider"}),
    "DELETE /datasets/{dataset_id}/grants/{grant_id}": Row(STEWARD, 204),
    "POST /access-requests": Row(signed_in, 202, {"institution": "{institution}", "dataset": "no-such-dataset"}),
    "GET /access-requests": Row(signed_in),
    "GET /institutions/{slug}/access-requests": Row(at_institution("steward")),
    "GET /access-requests/{request_id}": Row(decides),
    "DELETE /access-requests/{request_id}": Row(asked_oneself),
    "POST /access-requests/{request_id}/accept": Row(decides),
    "POST /access-requests/{request_id}/decline": Row(decides, 200, {"reason": "no"}),
    "GET /audit-entries": Row(any_administrator),
    "GET /audit-entries/export": Row(any_administrator),
    # datasets, versions, tables
    "GET /datasets": Row(anybody),
    "GET /search/suggest": Row(anybody, query="q=air"),
    "GET /datasets/{dataset_id}": Row(sees),
    "PATCH /datasets/{dataset_id}": Row(STEWARD, 200, {"title": "New"}),
    "GET /institutions/{institution}/datasets/{dataset}": Row(sees),
    "GET /datasets/{dataset_id}/versions": Row(sees),
    "GET /versions/{version_id}": Row(sees),
    "GET /versions/{version_id}/tables": Row(sees),
    "GET /tables/{table_id}": Row(sees),
    "GET /tables/{table_id}/columns": Row(sees),
    "GET /versions/{version_id}/quality": Row(sees, GONE),
    "GET /versions/{version_id}/examination": Row(sees, GONE),
    "GET /versions/{version_id}/report": Row(sees, GONE),
    "GET /datasets/{dataset_id}/uploads": Row(sees),
    "GET /uploads/{upload_id}": Row(sees_upload),
    "POST /uploads/{upload_id}/publish": Row(STEWARD, "not_held"),
    "GET /datasets/{dataset_id}/alerts": Row(sees),
    "GET /alerts/{alert_id}": Row(sees),
    "POST /alerts/{alert_id}/acknowledge": Row(STEWARD, 202),
    "PUT /datasets/{dataset_id}/contract": Row(STEWARD, "invalid_contract"),
    "GET /datasets/{dataset_id}/contract": Row(sees, GONE),
    "GET /datasets/{dataset_id}/events": Row(sees),
    "GET /events/{event_id}": Row(sees),
    # stewardship and quality
    "GET /datasets/{dataset_id}/column-descriptions": Row(sees),
    "PATCH /datasets/{dataset_id}/column-descriptions": Row(
        STEWARD, 200, {"columns": [{"table": "table 0", "column": "pm10", "description": "particles"}]}
    ),
    "GET /datasets/{dataset_id}/schema-overrides": Row(sees),
    "PUT /datasets/{dataset_id}/schema-overrides": Row(STEWARD, 200, {"types": {"pm10": "string"}}),
    "GET /datasets/{dataset_id}/suggestions": Row(STEWARD, GONE),
    "POST /datasets/{dataset_id}/suggestions/{suggestion_id}/accept": Row(STEWARD, GONE),
    "POST /datasets/{dataset_id}/suggestions/{suggestion_id}/refuse": Row(STEWARD, GONE),
    "GET /versions/{version_id}/findings": Row(sees, GONE),
    "GET /versions/{version_id}/assessment": Row(sees),
    "GET /versions/{version_id}/contract-result": Row(sees, GONE),
    "GET /tables/{table_id}/profile": Row(sees, GONE),
    "GET /tables/{table_id}/columns/{position}/profile": Row(sees, GONE),
    "GET /datasets/{dataset_id}/citation": Row(sees),
    "GET /versions/{version_id}/citation": Row(sees),
    "GET /datasets/{dataset_id}/relations": Row(sees),
    "PUT /datasets/{dataset_id}/relations": Row(STEWARD, 200, {"relations": []}),
    "GET /collections": Row(anybody),
    "GET /collections/{collection_id}": Row(anybody),
    "GET /collections/{collection_id}/datasets": Row(anybody),
    "PUT /institutions/{institution}/collections/{slug}": Row(
        at_institution("steward"), 201, {"title": "Shelf", "members": []}, ids={"slug": "another"}
    ),
    "DELETE /institutions/{institution}/collections/{slug}": Row(at_institution("steward"), 204, ids=_SHELF),
    # rows and downloads
    "GET /tables/{table_id}/rows": Row(sees, GONE),
    "POST /tables/{table_id}/rows": Row(sees, GONE),
    "GET /tables/{table_id}/rows/count": Row(sees, GONE),
    "POST /tables/{table_id}/rows/count": Row(sees, GONE),
    "GET /tables/{table_id}/rows/aggregate": Row(sees, GONE),
    "POST /tables/{table_id}/rows/aggregate": Row(sees, GONE),
    "GET /tables/{table_id}/rows/distinct": Row(sees, GONE, query="column=pm10"),
    "GET /tables/{table_id}/rows/histogram": Row(sees, GONE, query="column=pm10"),
    "POST /sql": Row(sees, "sql_not_allowed", {"sql": "SELECT * FROM t", "tables": {"t": "{table_id}"}}),
    "GET /versions/{version_id}/download": Row(sees, GONE),
    "GET /tables/{table_id}/download": Row(sees, GONE),
    "GET /tables/{table_id}/columns/{position}/joinable": Row(sees),
    "POST /tables/{table_id}/exports": Row(sees_by_name, GONE),
    "GET /exports": Row(signed_in),
    "GET /exports/{export_id}": Row(signed_in, "not_found"),
    "DELETE /exports/{export_id}": Row(signed_in, "not_found"),
    "GET /exports/{export_id}/file": Row(anybody, "link_invalid", query="expires=1&signature=x"),
    # standards
    "GET /datasets/{dataset_id}/linkset.json": Row(sees),
    "POST /institutions/{slug}/imports": Row(at_institution("steward"), "invalid_description"),
    "GET /datasets/{dataset_id}/dcat.{suffix}": Row(sees),
    "GET /catalog.{suffix}": Row(anybody),
    "GET /datasets/{dataset_id}/{standard}.json": Row(sees),
    "GET /datasets/{dataset_id}/odcs.yaml": Row(sees, GONE),
    "GET /versions/{version_id}/openlineage.json": Row(sees),
    # the life of versions
    "POST /versions/{version_id}/withdraw": Row(STEWARD, 200, {"reason": "outdated"}),
    "POST /versions/{version_id}/restore": Row(STEWARD),
    "POST /versions/{version_id}/erase": Row(ADMINISTRATOR, 202, {"reason": "personal_data"}),
    "POST /datasets/{dataset_id}/erase": Row(
        ADMINISTRATOR, 202, {"reason": "personal_data", "confirm": "{institution}/{dataset}"}
    ),
    "GET /datasets/{dataset_id}/erasures": Row(sees),
    "GET /versions/{version_id}/lineage": Row(sees),
    "GET /versions/{version_id}/compare": Row(sees, query="with={version_id}"),
    "GET /versions/{version_id}/compare/rows": Row(sees, GONE, query="with={version_id}"),
    # webhooks
    "GET /webhooks/event-types": Row(anybody),
    "POST /institutions/{slug}/webhooks": Row(
        at_institution("steward"), 201,
        {"url": "https://hooks.example.org/y", "event_types": ["version.published.v1"]},
    ),
    "GET /institutions/{slug}/webhooks": Row(at_institution("steward")),
    "GET /webhooks/{endpoint_id}": Row(within_institution("steward")),
    "PATCH /webhooks/{endpoint_id}": Row(within_institution("steward"), 200, {"description": "x"}),
    "DELETE /webhooks/{endpoint_id}": Row(within_institution("steward"), 204),
    "POST /webhooks/{endpoint_id}/secret": Row(within_institution("steward")),
    "POST /webhooks/{endpoint_id}/ping": Row(within_institution("steward"), 202),
    "GET /webhooks/{endpoint_id}/deliveries": Row(within_institution("steward")),
    "GET /webhooks/{endpoint_id}/deliveries/{delivery_id}": Row(within_institution("steward")),
    "POST /webhooks/{endpoint_id}/deliveries/{delivery_id}/redeliver": Row(within_institution("steward"), 202),
    "POST /webhooks/{endpoint_id}/redeliver": Row(within_institution("steward"), 202, {"dead": True}),
}  # fmt: skip
