"""RDF from strangers: Turtle, RDF/XML and JSON-LD within limits. No context is fetched, no entity is expanded."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final
from xml.parsers import expat

from rdflib import Graph
from rdflib.plugins.stores.memory import Memory

from catalog_svc.imports.described import UnreadableDescriptionError
from dataplatform.contracts.text import UnreadableDocumentError, read_document

MOST_TRIPLES: Final = 20_000
FORMATS: Final = {"text/turtle": "turtle", "application/rdf+xml": "xml", "application/ld+json": "json-ld"}
_BASE: Final = "urn:import:"
_CONTEXTS: Final = ("semiceu.github.io/DCAT-AP/releases/3.0.1/context/dcat-ap.jsonld",)
"""Contexts that are known by their address, without the scheme: they are put in, never fetched."""


class _Bounded(Memory):
    """A store that refuses to grow beyond the limit."""

    _added = 0

    def add(self, *args: Any, **options: Any) -> None:
        """Add a triple."""
        self._added += 1
        if self._added > MOST_TRIPLES:
            raise UnreadableDescriptionError(f"it has more than {MOST_TRIPLES} triples")
        super().add(*args, **options)


def graph_of(body: bytes, media_type: str) -> Graph:
    """Return the graph of a document; raises `UnreadableDescriptionError`."""
    if media_type == "application/ld+json":
        return _parsed(json.dumps(_with_contexts(json_of(body))).encode(), "json-ld")
    if media_type == "application/rdf+xml":
        _refuse_doctype(body)
    return _parsed(body, FORMATS[media_type])


def json_of(body: bytes) -> Any:
    """Return a JSON document within limits of depth and number."""
    if body.lstrip()[:1] not in {b"{", b"["}:
        raise UnreadableDescriptionError("it is no JSON object or array")
    try:
        return read_document(body)
    except UnreadableDocumentError as error:
        raise UnreadableDescriptionError(f"{error.code}: {error.detail[:300]}") from error


def _parsed(body: bytes, name: str) -> Graph:
    graph = Graph(_Bounded())
    try:
        graph.parse(data=body, format=name, publicID=_BASE)
    except UnreadableDescriptionError:
        raise
    except Exception as error:  # a parser of others on bytes of strangers: it has dozens of ways to fail
        raise UnreadableDescriptionError(f"it is not {name}: {type(error).__name__}") from error
    return graph


def _refuse_doctype(body: bytes) -> None:
    def found(*_: object) -> None:
        raise UnreadableDescriptionError("a document type, which may declare entities, is not read")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = found
    try:
        parser.Parse(body, True)  # noqa: FBT003 - it takes it by position only
    except expat.ExpatError as error:
        raise UnreadableDescriptionError(f"it is not XML: {expat.ErrorString(error.code)}") from error


def _with_contexts(value: Any) -> Any:
    """Return a JSON-LD document with known contexts put in; raises for every other address of one."""
    if isinstance(value, list):
        return [_with_contexts(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    if "@import" in value:
        raise UnreadableDescriptionError("a context that imports another is not read: nothing is fetched")
    return {name: _context(one) if name == "@context" else _with_contexts(one) for name, one in value.items()}


def _context(value: Any) -> Any:
    if isinstance(value, list):
        return [_context(one) for one in value]
    if isinstance(value, str):
        if value.partition("://")[2] not in _CONTEXTS:
            raise UnreadableDescriptionError(f"the context {value[:200]!r} is not known here, and nothing is fetched")
        return _dcat_ap()
    return _with_contexts(value)


@cache
def _dcat_ap() -> Any:
    return json.loads(resources.files(__package__).joinpath("dcat-ap-3.0.1.context.jsonld").read_text("utf-8"))[
        "@context"
    ]
