"""YAML and JSON from strangers to plain JSON types and back, within limits on size, depth and expansion.

YAML is read by the core schema of YAML 1.2: `12:30`, `on` and `2024-01-31` are text, as the authors of contracts expect
and JSON Schema demands. Only plain types: no tags but those of JSON, no key twice, no key that is no text.
"""

import json
import math
import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

MAX_BYTES: Final = 2 << 20
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
"""Nodes after every alias is replaced by what it stands for."""

_STR: Final = "tag:yaml.org,2002:str"
_CORE: Final = (
    ("null", re.compile(r"~|null|Null|NULL|"), ("~", "n", "N", "")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), tuple("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), tuple("-+0123456789")),
    (
        "float",
        re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        tuple("-+.0123456789"),
    ),
    ("merge", re.compile(r"<<"), ("<",)),
)


class UnreadableDocumentError(ValueError):
    """The bytes are no document within the limits; `code` says which limit or rule."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Loader(yaml.CSafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as the parent has it


class _Dumper(yaml.CSafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would take for anything but text."""

    yaml_implicit_resolvers = {key: list(found) for key, found in yaml.CSafeDumper.yaml_implicit_resolvers.items()}  # noqa: RUF012

    def ignore_aliases(self, _data: Any) -> bool:
        """Write every value where it stands."""
        return True


for _name, _pattern, _first in _CORE:
    _whole = re.compile(f"(?:{_pattern.pattern})\\Z")
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _whole, list(_first))


def read_document(body: bytes) -> Any:
    """Return the JSON value that UTF-8 YAML or JSON stands for; raises `UnreadableDocumentError`."""
    if len(body) > MAX_BYTES:
        raise UnreadableDocumentError("document_too_large", f"a document has at most {MAX_BYTES} bytes")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError("not_utf8", f"the document is not UTF-8: {error.reason}") from error
    if text.lstrip()[:1] == "{":
        found = _from_json(text)
        if found is not _NO_JSON:
            return found
    return _from_yaml(text)


def write_yaml(value: Any) -> str:
    """Return a JSON value as YAML that `read_document` reads as the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


_NO_JSON: Final = object()


def _from_json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except json.JSONDecodeError:
        return _NO_JSON  # YAML's flow style begins alike
    except RecursionError as error:
        raise UnreadableDocumentError("nested_too_deeply", f"at most {MAX_DEPTH} levels") from error
    except UnreadableDocumentError:
        raise
    except ValueError as error:
        raise UnreadableDocumentError("invalid_syntax", str(error)[:300]) from error
    _measure(value)
    return value


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableDocumentError("duplicate_key", "a key stands twice in one mapping")
    return found


def _no_constant(name: str) -> Any:
    raise UnreadableDocumentError("not_json", f"{name} is no JSON value")


def _measure(value: Any) -> None:
    """Refuse what is too deep or has too many nodes."""
    level, nodes, depth = [value], 0, 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if depth > MAX_DEPTH:
            raise UnreadableDocumentError("nested_too_deeply", f"at most {MAX_DEPTH} levels")
        if nodes > MAX_NODES:
            raise UnreadableDocumentError("too_many_nodes", f"at most {MAX_NODES} nodes")
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]


def _from_yaml(text: str) -> Any:
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise UnreadableDocumentError("invalid_syntax", _where(error)) from error
    if node is None:
        return None
    budget = _Budget()
    return _value(node, budget, 1)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)[:200]
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _check_events(text: str) -> None:
    """Refuse depth and number before anything is built: the composer recurses."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if number > 2 * MAX_NODES:
            raise UnreadableDocumentError("too_many_nodes", f"at most {MAX_NODES} nodes")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableDocumentError("nested_too_deeply", f"at most {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Budget:
    """Counts nodes as they are made, aliases with all they stand for."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnreadableDocumentError("too_many_nodes", f"at most {MAX_NODES} nodes, aliases expanded")


def _value(node: yaml.Node, budget: _Budget, depth: int) -> Any:
    budget.spend()
    if depth > MAX_DEPTH:  # an alias may nest, or lead back to itself
        raise UnreadableDocumentError("nested_too_deeply", f"at most {MAX_DEPTH} levels")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, budget, depth)
    if isinstance(node, yaml.SequenceNode):
        _plain(node, "seq")
        return [_value(child, budget, depth + 1) for child in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, budget: _Budget, depth: int) -> dict[str, Any]:
    _plain(node, "map")
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            sources = _value(value_node, budget, depth + 1)
            for source in sources if isinstance(sources, list) else [sources]:
                if not isinstance(source, dict):
                    raise UnreadableDocumentError("invalid_syntax", "what is merged must be a mapping")
                merged = source | merged
            continue
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str) or not isinstance(key, Hashable):
            raise UnreadableDocumentError("key_is_no_text", f"line {key_node.start_mark.line + 1}: keys are text")
        if key in found:
            raise UnreadableDocumentError("duplicate_key", f"line {key_node.start_mark.line + 1}: {key[:80]!r} twice")
        found[key] = _value(value_node, budget, depth + 1)
    return {**{key: value for key, value in merged.items() if key not in found}, **found}


def _plain(node: yaml.Node, kind: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{kind}":
        raise UnreadableDocumentError("tag_not_allowed", f"line {node.start_mark.line + 1}: tag {node.tag[:80]!r}")


def _scalar(node: yaml.Node) -> Any:
    kind, text = node.tag.removeprefix("tag:yaml.org,2002:"), str(node.value)
    try:
        if kind in {"str", "timestamp", "merge"}:
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        if kind == "int":
            return int(text, 0) if text[:2].lower() in {"0o", "0x"} else int(text)
        if kind == "float":
            return _finite(float(text.replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf")))
    except (ValueError, KeyError) as error:
        if isinstance(error, UnreadableDocumentError):
            raise
        raise UnreadableDocumentError("invalid_syntax", f"line {node.start_mark.line + 1}: no {kind}") from error
    raise UnreadableDocumentError("tag_not_allowed", f"line {node.start_mark.line + 1}: tag {node.tag[:80]!r}")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise UnreadableDocumentError("not_json", f"{number} is no JSON value")
    return number
