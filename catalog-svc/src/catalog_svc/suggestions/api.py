"""REST: rules suggested for a dataset. They quote its values, so only its stewards see them."""

from typing import Annotated, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Query, Router

from catalog_svc.datasets.models import Dataset
from catalog_svc.listing import Listing, number, text, unique
from catalog_svc.objects import documents
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.stewardship.acting import stewarded
from catalog_svc.stewardship.documents import stored
from catalog_svc.suggestions import selectors, services
from catalog_svc.suggestions.contracting import first_contract, with_clause
from catalog_svc.suggestions.schemas import State, SuggestionOut
from catalog_svc.suggestions.selectors import Suggestion
from dataplatform.contracts import Contract, InvalidContractError, read_contract
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem

router: Final = Router(tags=["contracts"])
_MOST_BYTES: Final = 2 << 20
Only = Annotated[State, Query(description="Only these")]


SUGGESTIONS: Final = Listing(
    "suggestions",
    SuggestionOut,
    (text("table"), text("column", optional=True), number("confidence"), unique("suggestion_id"), unique("version_id")),
    order=["table", "-confidence"],
    key="suggestion_id",
    parameters=["state"],
)


@router.get(
    "/datasets/{uuid:dataset_id}/suggestions",
    response=Page[SuggestionOut],
    summary="List suggested rules",
    openapi_extra=SUGGESTIONS.described("token_missing", "forbidden", "not_found"),
)
async def list_suggestions(
    request: HttpRequest, dataset_id: UUID, state: Only = "open", limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Any:
    """Return rules that the newest examined version keeps, for stewards; unless asked by table, the surest first.

    There are none until a version was examined, which happens some time after it is served.
    """
    asked = SUGGESTIONS.asked(request)
    await sync_to_async(stewarded)(request, dataset_id)
    found = await _found(dataset_id)
    decided = await sync_to_async(selectors.decisions)(dataset_id)
    made = [selectors.shown(one, decided.get(one.suggestion_id)) for one in found]
    kept = (one for one in made if one["state"] == state)
    page = asked.page_of(kept, cursor, limit, scope=f"{dataset_id} {state}")
    return asked.answer(page.rows, page.next)


@router.post(
    "/datasets/{uuid:dataset_id}/suggestions/{uuid:suggestion_id}/accept",
    response=SuggestionOut,
    summary="Accept a suggested rule",
)
async def accept_suggestion(request: HttpRequest, dataset_id: UUID, suggestion_id: UUID) -> dict[str, Any]:
    """Write a suggested rule into the dataset's contract, which is made if there is none; for stewards.

    It holds from the next version on. Comments of a contract in YAML do not survive; all that it says does. Twice is
    once.
    """
    dataset, act = await sync_to_async(stewarded)(request, dataset_id)
    suggestion = await _one(dataset_id, suggestion_id)
    body = await _before(dataset)
    contract = await sync_to_async(_after)(dataset, body, suggestion)
    text = contract.to_json() if body.lstrip()[:1] == b"{" else contract.to_yaml()
    if len(text.encode()) > _MOST_BYTES:
        raise Problem("document_too_large", "Document too large", 413, "a contract has at most 2 MiB")
    reference = await stored(f"contracts/{dataset_id}", text.encode())
    await sync_to_async(services.accept)(dataset, suggestion_id, reference, act)
    return await _now(dataset_id, suggestion)


@router.post(
    "/datasets/{uuid:dataset_id}/suggestions/{uuid:suggestion_id}/refuse",
    response=SuggestionOut,
    summary="Refuse a suggested rule",
)
async def refuse_suggestion(request: HttpRequest, dataset_id: UUID, suggestion_id: UUID) -> dict[str, Any]:
    """Have a rule not suggested again, whatever its bounds are in later versions; for stewards. Twice is once."""
    dataset, act = await sync_to_async(stewarded)(request, dataset_id)
    suggestion = await _one(dataset_id, suggestion_id)
    await sync_to_async(services.refuse)(dataset, suggestion_id, act)
    return await _now(dataset_id, suggestion)


async def _found(dataset_id: UUID) -> list[Suggestion]:
    examined = await sync_to_async(selectors.examined)(dataset_id)
    if examined is None:
        return []
    version_id, reference = examined
    return selectors.suggestions_in(dataset_id, version_id, await documents.read(reference))


async def _one(dataset_id: UUID, suggestion_id: UUID) -> Suggestion:
    for found in await _found(dataset_id):
        if found.suggestion_id == suggestion_id:
            return found
    raise Problem("not_found", "Not found", 404, "there is no such suggestion")


async def _now(dataset_id: UUID, suggestion: Suggestion) -> dict[str, Any]:
    decided = await sync_to_async(selectors.decisions)(dataset_id)
    return selectors.shown(suggestion, decided.get(suggestion.suggestion_id))


async def _before(dataset: Dataset) -> bytes:
    """Return the contract that holds, as it was defined; empty where there is none."""
    if dataset.contract is None:
        return b""
    return b"".join([piece async for piece in await documents.pieces(ObjectRef.model_validate(dataset.contract))])


def _after(dataset: Dataset, body: bytes, suggestion: Suggestion) -> Contract:
    document = read_contract(body).document if body else first_contract(str(dataset.dataset_id), dataset.title)
    column = suggestion.body.get("column")
    try:
        return with_clause(document, suggestion.table, column, suggestion.body["quality"], single=suggestion.single)
    except InvalidContractError as error:
        raise Problem("invalid_contract", "Invalid contract", 422, f"{error.code}: {error.detail[:500]}") from error
