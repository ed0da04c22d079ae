"""OAI-PMH 2.0 at `/oai`: the six verbs over what everybody may see. A token, where one is sent, shows no more."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from catalog_svc import clock
from catalog_svc.datasets import selectors
from catalog_svc.harvesting import records
from catalog_svc.harvesting.oai_documents import Continuation, Header, answer, continuation, element, header, moment
from catalog_svc.harvesting.oai_documents import record as written
from catalog_svc.harvesting.oai_formats import FORMATS
from catalog_svc.harvesting.oai_requests import OaiError, OaiRequest, read, token
from catalog_svc.harvesting.records import Record
from catalog_svc.institutions.models import Institution
from catalog_svc.institutions.selectors import institutions
from catalog_svc.settings import settings
from catalog_svc.standards.description import clean

PAGE: Final = 100
"""Records, headers or sets of a page."""


@csrf_exempt  # a question by POST changes nothing
def oai(request: HttpRequest) -> HttpResponse:
    """Answer a request by GET or POST; errors of the protocol are answers too, with status 200."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    parameters = request.POST if request.method == "POST" else request.GET
    now, base_url = clock.now(), f"{settings().public_url}/oai"
    arguments = {name: clean(parameters.get(name, "")) for name in parameters}
    try:
        asked = read({name: parameters.getlist(name) for name in parameters}, now)
        body = answer(base_url, now, arguments, _VERBS[asked.verb](asked, now))
    except OaiError as error:
        body = answer(base_url, now, arguments, [(error.code, error.detail)])
    except (OperationalError, InterfaceError):
        return HttpResponse("the database does not answer", "text/plain", 503, headers={"Retry-After": "30"})
    return HttpResponse(body, "text/xml; charset=utf-8")


def identifier_of(dataset_id: UUID) -> str:
    """Return the identifier of a dataset's record."""
    return f"oai:{urlsplit(settings().public_url).hostname}:{dataset_id}"


def _identify(_asked: OaiRequest, now: datetime) -> ET.Element:
    earliest = records.earliest() or now
    said = {
        "repositoryName": "Data Platform",
        "baseURL": f"{settings().public_url}/oai",
        "protocolVersion": "2.0",
        "adminEmail": settings().contact_email or f"admin@{urlsplit(settings().public_url).hostname}",
        "earliestDatestamp": moment(earliest),
        "deletedRecord": "persistent",
        "granularity": "YYYY-MM-DDThh:mm:ssZ",
    }
    return element("Identify", None, *(element(name, text) for name, text in said.items()))


def _formats(asked: OaiRequest, _now: datetime) -> ET.Element:
    if asked.identifier is not None:
        _record(asked.identifier)
    return element(
        "ListMetadataFormats",
        None,
        *(
            element(
                "metadataFormat",
                None,
                element("metadataPrefix", prefix),
                element("schema", found.schema),
                element("metadataNamespace", found.namespace),
            )
            for prefix, found in FORMATS.items()
        ),
    )


def _sets(asked: OaiRequest, now: datetime) -> ET.Element:
    after = asked.place.after if isinstance(asked.place.after, str) else None
    found = list(institutions(after, PAGE + 1))
    page = found[:PAGE]
    made = [element("set", None, element("setSpec", i.slug), element("setName", i.name)) for i in page]
    if not page:
        raise OaiError("noSetHierarchy", "there is no institution yet")
    size = asked.place.size or Institution.objects.count()
    more = page[-1].slug if len(found) > PAGE else None
    return element("ListSets", None, *made, *_end(asked, len(page), size, more, now))


def _get_record(asked: OaiRequest, _now: datetime) -> ET.Element:
    found = _record(asked.identifier or "")
    _known_format(asked)
    return element("GetRecord", None, *_written([found], asked.prefix))


def _list(asked: OaiRequest, now: datetime) -> ET.Element:
    _known_format(asked)
    after = asked.place.after if isinstance(asked.place.after, tuple) else None
    found = records.records(asked.selection, after, PAGE + 1)
    page = found[:PAGE]
    if not page:
        raise OaiError("noRecordsMatch", "nothing was changed in that time, or there is no such set")
    size = records.count(asked.selection) if asked.place.size is None else asked.place.size
    whole = asked.verb == "ListRecords"
    made = _written(page, asked.prefix) if whole else [header(_header(one)) for one in page]
    return element(asked.verb, None, *made, *_end(asked, len(page), size, page[-1] if len(found) > PAGE else None, now))


def _end(asked: OaiRequest, shown: int, size: int, last: Record | str | None, now: datetime) -> Sequence[ET.Element]:
    """Return the resumption token: none where the list is whole, an empty one on the last of several pages."""
    if last is None:
        end = Continuation("", None, asked.place.seen, size)
        return [continuation(end)] if asked.place.seen else []
    following, expires = token(asked, last, asked.place.seen + shown, size, now)
    return [continuation(Continuation(following, expires, asked.place.seen, size))]


def _known_format(asked: OaiRequest) -> None:
    if asked.prefix not in FORMATS:
        raise OaiError("cannotDisseminateFormat", "there are " + ", ".join(FORMATS))


def _record(identifier: str) -> Record:
    prefix, _, name = identifier.rpartition(":")
    try:
        found = records.record(UUID(name)) if identifier == identifier_of(UUID(name)) else None
    except ValueError:
        found = None
    if found is None:
        raise OaiError("idDoesNotExist", f"identifiers are like {prefix or 'oai:<host>'}:<id of a dataset>"[:200])
    return found


def _header(found: Record) -> Header:
    return Header(identifier_of(found.dataset_id), found.changed_at, found.institution, found.gone)


def _written(page: Sequence[Record], prefix: str) -> list[ET.Element]:
    datasets = selectors.by_id(None, [found.dataset_id for found in page if not found.gone])
    made = []
    for found in page:
        dataset = datasets.get(found.dataset_id)
        metadata = None if dataset is None else FORMATS[prefix].write(dataset, settings().public_url)
        # one that was hidden between the two questions is gone already
        made.append(written(_header(found if metadata is not None else replace(found, gone=True)), metadata))
    return made


_VERBS: Final[dict[str, Callable[[OaiRequest, datetime], ET.Element]]] = {
    "Identify": _identify,
    "ListMetadataFormats": _formats,
    "ListSets": _sets,
    "GetRecord": _get_record,
    "ListIdentifiers": _list,
    "ListRecords": _list,
}
