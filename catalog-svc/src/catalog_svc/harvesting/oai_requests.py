"""Requests of OAI-PMH 2.0: which arguments a verb takes, what they mean; resumption tokens, which hold all state."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from catalog_svc.harvesting.records import Record, Selection
from dataplatform.events.identity import is_slug
from dataplatform.paging import decode, encode
from dataplatform.problems import Problem

TOKEN_LIFETIME: Final = timedelta(days=1)
_LIST: Final = (frozenset({"metadataPrefix"}), frozenset({"from", "until", "set"}))
_ARGUMENTS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "Identify": (frozenset(), frozenset()),
    "ListMetadataFormats": (frozenset(), frozenset({"identifier"})),
    "ListSets": (frozenset(), frozenset()),
    "GetRecord": (frozenset({"identifier", "metadataPrefix"}), frozenset()),
    "ListIdentifiers": _LIST,
    "ListRecords": _LIST,
}
"""By verb: what it must have, what it may have."""
_RESUMABLE: Final = frozenset({"ListSets", "ListIdentifiers", "ListRecords"})
_MOST_ARGUMENTS: Final = 10
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", re.ASCII)


class OaiError(Exception):
    """A condition of the protocol; `code` is one of its error codes."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: after this key, `seen` records in, of `size`."""

    after: tuple[datetime, UUID] | str | None = None
    seen: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class OaiRequest:
    """A request that makes sense. `arguments` are as they were sent, for the answer to repeat."""

    verb: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    identifier: str | None = None
    selection: Selection = field(default_factory=Selection)
    place: Place = field(default_factory=Place)


def read(parameters: Mapping[str, Sequence[str]], now: datetime) -> OaiRequest:
    """Return the request that query or form parameters make; raises `OaiError`."""
    verbs = parameters.get("verb", ())
    if len(parameters) > _MOST_ARGUMENTS:
        raise OaiError("badArgument", "too many arguments")
    if len(verbs) != 1 or verbs[0] not in _ARGUMENTS:
        raise OaiError("badVerb", "send one `verb` out of " + ", ".join(_ARGUMENTS))
    verb = verbs[0]
    arguments = {name: values[0] for name, values in parameters.items() if name != "verb"}
    if any(len(values) > 1 for values in parameters.values()):
        raise OaiError("badArgument", "an argument is repeated")
    if "resumptionToken" in arguments and verb in _RESUMABLE:
        if len(arguments) > 1:
            raise OaiError("badArgument", "a resumption token comes alone")
        return _resumed(verb, arguments, now)
    needed, possible = _ARGUMENTS[verb]
    if unknown := sorted(arguments.keys() - needed - possible):
        raise OaiError("badArgument", f"{verb} does not take {unknown[0][:40]!r}")
    if missing := sorted(needed - arguments.keys()):
        raise OaiError("badArgument", f"{verb} needs {missing[0]!r}")
    return OaiRequest(
        verb=verb,
        arguments=arguments,
        prefix=arguments.get("metadataPrefix", ""),
        identifier=arguments.get("identifier"),
        selection=_selection(arguments, now) if "metadataPrefix" in needed and verb != "GetRecord" else Selection(),
    )


def _selection(arguments: Mapping[str, str], now: datetime) -> Selection:
    since, until = (arguments.get(name) for name in ("from", "until"))
    if since and until and len(since) != len(until):
        raise OaiError("badArgument", "`from` and `until` have different granularities")
    first, last = _moment(since), _moment(until, at_end=True)
    if first and last and first > last:
        raise OaiError("badArgument", "`from` is later than `until`")
    if "set" in arguments and not is_slug(arguments["set"]):
        raise OaiError("noRecordsMatch", "there is no such set")
    # a list that is begun now ends now, however much changes while it is read
    end = min(last or now, now).replace(microsecond=0)
    return Selection(arguments.get("set"), first, end)


def _moment(text: str | None, *, at_end: bool = False) -> datetime | None:
    if text is None:
        return None
    refused = OaiError("badArgument", "dates are YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ")
    if not _MOMENT.fullmatch(text):
        raise refused
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC) + (timedelta(hours=23, minutes=59, seconds=59) if at_end else timedelta())
    return found


def token(request: OaiRequest, last: Record | str, seen: int, size: int, now: datetime) -> tuple[str, datetime]:
    """Return the token that goes on after `last`, and when it expires."""
    expires = (now + TOKEN_LIFETIME).replace(microsecond=0)
    chosen = request.selection
    key = [last, ""] if isinstance(last, str) else [last.changed_at.isoformat(), str(last.dataset_id)]
    since, until = (moment.isoformat() if moment else "" for moment in (chosen.since, chosen.until))
    state = [request.verb, request.prefix, chosen.institution, since, until, *key, seen, size, expires.isoformat()]
    return encode(state), expires


def _resumed(verb: str, arguments: Mapping[str, str], now: datetime) -> OaiRequest:
    refused = OaiError("badResumptionToken", "the token is none of ours, or it has expired: begin again")
    text = arguments["resumptionToken"]
    try:
        state = decode(text[:2048], str, str, _optional, _aware, _aware, str, str, int, int, _aware)
    except Problem as error:
        raise refused from error
    if state is None:
        raise refused
    made_for, prefix, institution, since, until, key, last, seen, size, expires = state
    if made_for != verb or expires is None or expires < now:
        raise refused
    if any(name is not None and not is_slug(name) for name in (institution, key if verb == "ListSets" else None)):
        raise refused
    try:
        after = key if verb == "ListSets" else (_aware(key) or now, UUID(last))
    except ValueError as error:
        raise refused from error
    place = Place(after, seen, size)
    return OaiRequest(verb, arguments, prefix, None, Selection(institution, since, until), place)


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _aware(text: str) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found
