"""A data contract as a document: validated against the standard's JSON Schema, kept whole, written as it was read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from jsonschema import Draft201909Validator

from dataplatform.contracts.text import UnreadableDocumentError, read_document, write_yaml

SUPPORTED: Final = ("v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
"""Versions of the standard, newest first."""
_SCHEMAS: Final = {"v3.1.0": "odcs-v3.1.0.schema.json", "v3.0": "odcs-v3.0.2.schema.json"}
_PROBLEMS: Final = 20


class InvalidContractError(ValueError):
    """The document is no contract. `code` is stable, `problems` are (JSON pointer, message), the first few."""

    def __init__(self, code: str, detail: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Contract:
    """A valid contract. `document` is all of it, in plain JSON types: what this code does not know is kept too."""

    document: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """Return the contract's own id."""
        return str(self.document["id"])

    @property
    def version(self) -> str:
        """Return the contract's own version."""
        return str(self.document["version"])

    @property
    def api_version(self) -> str:
        """Return the version of the standard."""
        return str(self.document["apiVersion"])

    @property
    def objects(self) -> tuple[Mapping[str, Any], ...]:
        """Return the tables (objects of the schema) that it describes."""
        return tuple(self.document.get("schema") or ())

    def to_yaml(self) -> str:
        """Return the whole document as YAML; reading it gives an equal contract."""
        return write_yaml(dict(self.document))

    def to_json(self) -> str:
        """Return the whole document as JSON; reading it gives an equal contract."""
        return json.dumps(self.document, ensure_ascii=False, indent=2) + "\n"


def read_contract(body: bytes) -> Contract:
    """Return the contract that UTF-8 YAML or JSON holds; raises `InvalidContractError`."""
    try:
        document = read_document(body)
    except UnreadableDocumentError as error:
        raise InvalidContractError(error.code, error.detail) from error
    return contract_of(document)


def contract_of(document: Any) -> Contract:
    """Return the contract of a document in plain JSON types; raises `InvalidContractError`."""
    if not isinstance(document, dict):
        raise InvalidContractError("not_a_contract", "a contract is a mapping")
    version = document.get("apiVersion")
    if version not in SUPPORTED:
        supported = ", ".join(SUPPORTED)
        raise InvalidContractError(
            "unsupported_version", f"`apiVersion` must be one of {supported}", (("/apiVersion", ""),)
        )
    problems = _problems("v3.1.0", document)
    if problems and version != "v3.1.0" and not _problems("v3.0", document):
        problems = ()  # 3.1 took back some of what 3.0 allowed
    if problems:
        path, message = problems[0]
        raise InvalidContractError("invalid_contract", f"{path or '/'}: {message}", problems)
    return Contract(document)


def _problems(version: str, document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = []
    for error in _validator(version).iter_errors(document):
        path = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.absolute_path)
        found.append((path, error.message[:300]))
        if len(found) == _PROBLEMS:
            break
    return tuple(found)


@cache
def _validator(version: str) -> Draft201909Validator:
    text = resources.files(__package__).joinpath(_SCHEMAS[version]).read_text("utf-8")
    return Draft201909Validator(json.loads(text))
