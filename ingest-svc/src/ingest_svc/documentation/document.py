"""The OpenAPI document: what the framework writes, with examples of everything and links from answer to request."""

import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi.routing import APIRoute

from ingest_svc.documentation.examples import ANSWERS, CONTENT, PARAMETERS, REQUESTS
from ingest_svc.problems import RETRY_SECONDS
from ingest_svc.uploads.representations import ProblemDocument

DESCRIPTION: Final = (
    "Takes files in, tells where they are, and has them processed again. Every refusal is a problem document "
    "(RFC 9457) whose `type` is the address of a page that says what to do. Lists come in pages: `next` of one is the "
    "`cursor` of the next. Tokens come from the catalog."
)
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_FOR_ANYONE: Final = frozenset({"whatOfTusIsOffered"})
_JSON: Final = "application/json"
_RATE_HEADERS: Final[dict[str, str | int]] = {
    "RateLimit-Policy": '"requests";q=6000;w=60',
    "RateLimit": '"requests";r=5999;t=1',
}
_TOLD: Final[dict[int, dict[str, str | int]]] = {
    429: {"Retry-After": 4},
    503: {"Retry-After": RETRY_SECONDS},
    401: {"WWW-Authenticate": 'Bearer realm="dataplatform"'},
}


def operation_id(route: APIRoute) -> str:
    """Return an operation's id: its summary as one word, `listUploads`."""
    first, *rest = re.sub(r"[^A-Za-z0-9 ]", "", route.summary or route.name).split()
    return first.lower() + "".join(word.capitalize() for word in rest)


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the shape of problems, examples, headers and links."""
    document["info"]["description"] = DESCRIPTION
    document["servers"] = [{"url": "/", "description": "This origin"}]
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["ProblemDocument"] = ProblemDocument.model_json_schema()
    components["links"] = _links()
    for path, item in document["paths"].items():
        _name_parts(path, [operation for method, operation in item.items() if method in _METHODS])
    for operation in operations(document):
        if operation["operationId"] in _FOR_ANYONE:
            operation["security"] = []
        _show_parameters(operation)
        _show_body(operation)
        for status, response in operation["responses"].items():
            _show_answer(operation, status, response)
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for item in document["paths"].values():
        yield from (operation for method, operation in item.items() if method in _METHODS)


def _name_parts(path: str, of_path: list[dict[str, Any]]) -> None:
    """Name the parts of the path to operations that do not look at them."""
    for operation in of_path:
        named = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
        for part in re.findall(r"{(\w+)}", path):
            if part not in named:
                parameter = {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
                operation.setdefault("parameters", []).append(parameter)


def _show_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        name = parameter["name"].lower()
        if "example" not in parameter and "examples" not in parameter and name in PARAMETERS:
            parameter["example"] = PARAMETERS[name]


def _show_body(operation: dict[str, Any]) -> None:
    shown = REQUESTS.get(operation["operationId"], {})
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == _JSON and shown:
            content["examples"] = {
                re.sub(r"\W+", "-", title): {"summary": title, "value": value} for title, value in shown.items()
            }
        elif media_type in CONTENT:
            content.setdefault("example", CONTENT[media_type])


def _show_answer(operation: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    answer = ANSWERS.get(operation["operationId"])
    succeeded = status.startswith("2")
    if response.get("content", {}).get(_JSON, {}).get("schema") == {}:
        del response["content"]  # the framework's guess at an answer that has no body
    if succeeded and answer is not None and _JSON in response.get("content", {}):
        response["content"][_JSON].setdefault("example", answer)
    headers = response.setdefault("headers", {})
    told: dict[str, str | int] = {
        **(_RATE_HEADERS if succeeded or status == "429" else {}),
        **_TOLD.get(int(status), {}),
    }
    for name, example in told.items():
        kind = "integer" if isinstance(example, int) else "string"
        headers.setdefault(name, {"schema": {"type": kind}, "example": example})
    if operation["operationId"].startswith("uploadOneFile") and status in {"200", "201"}:
        response["links"] = {
            name: {"$ref": f"#/components/links/{name}"} for name in (*_OF_UPLOAD, "processTheUploadAgain")
        }
    if operation["operationId"] == "processAnUploadOrADatasetAgain" and status == "202":
        response["links"] = {name: {"$ref": f"#/components/links/{name}"} for name in _OF_REQUEST}


_OF_UPLOAD: Final = ("showAnUpload", "followAnUpload", "takeAnUploadBack", "takeAnUploadBackInShort")
_OF_REQUEST: Final = (
    "showAProcessingRequest",
    "listTheRunsOfAProcessingRequest",
    "cancelAProcessingRequest",
    "cancelAProcessingRequestInShort",
)


def _links() -> dict[str, Any]:
    """Return where an answer leads: what can be done with the upload or the request that it made."""
    uploads = {
        name: {"operationId": name, "parameters": {"upload_id": "$response.body#/upload_id"}} for name in _OF_UPLOAD
    }
    requests = {
        name: {"operationId": name, "parameters": {"request_id": "$response.body#/request_id"}} for name in _OF_REQUEST
    }
    again = {
        "operationId": "processAnUploadOrADatasetAgain",
        "requestBody": {"upload_id": "$response.body#/upload_id"},
    }
    return {**uploads, "processTheUploadAgain": again, **requests}
