"""Contracts: the standard's own examples, round trips, and documents that are out to hurt."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.contracts import InvalidContractError, contract_of, read_contract
from dataplatform.contracts.text import MAX_BYTES, UnreadableDocumentError, read_document, write_yaml

STANDARD = Path(__file__).resolve().parents[5] / "shared" / "standards" / "odcs-3.1.0"
EXAMPLES = sorted((STANDARD / "examples").glob("*.yaml"))
MINIMAL = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "a", "version": "1", "status": "active"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@pytest.mark.skipif(not EXAMPLES, reason="the standard's examples are not at ../shared/standards")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_of_the_standard_is_imported_and_exported_whole(path: Path) -> None:
    contract = read_contract(path.read_bytes())
    for written in (contract.to_yaml(), contract.to_json()):
        again = read_contract(written.encode())
        assert again == contract
        assert list(again.document) == list(contract.document)


@pytest.mark.skipif(not EXAMPLES, reason="the standard's schemas are not at ../shared/standards")
def test_the_schemas_are_those_of_the_standard() -> None:
    folder = Path(__file__).resolve().parents[2] / "src" / "dataplatform" / "contracts"
    for ours, theirs in {
        "odcs-v3.1.0.schema.json": "odcs-json-schema-v3.1.0.json",
        "odcs-v3.0.2.schema.json": "odcs-json-schema-v3.0.2-strict.json",
    }.items():
        assert json.loads((folder / ours).read_bytes()) == json.loads((STANDARD / theirs).read_bytes())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_what_is_written_as_yaml_is_read_as_it_was(value: dict[str, Any]) -> None:
    value.pop("<<", None)
    assert read_document(write_yaml(value).encode()) == value


@pytest.mark.parametrize(
    "text", ["12:30", "on", "no", "2024-01-31", "2024-01-31 10:00:00", "1_000", "0o9", "=", "<<", "1.2.3"]
)
def test_texts_that_other_readers_change_stay_texts(text: str) -> None:
    assert read_document(f"k: {text}".encode()) == {"k": text}
    assert read_document(write_yaml({"k": text}).encode()) == {"k": text}


def test_custom_properties_and_unknown_values_survive() -> None:
    custom = [{"property": "x", "value": {"deep": [1, None, True, 1.5, "2024-01-01"]}}]
    contract = contract_of({**MINIMAL, "customProperties": custom})
    assert read_contract(contract.to_yaml().encode()).document["customProperties"] == custom


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe", "not_utf8"),
        (b"", "not_a_contract"),
        (b"[1, 2]", "not_a_contract"),
        (b"a: [", "invalid_syntax"),
        (b"a: 1\na: 2", "duplicate_key"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b"1: a", "key_is_no_text"),
        (b"? [a]\n: b", "key_is_no_text"),
        (b"a: !!python/object/apply:os.system ['true']", "tag_not_allowed"),
        (b"a: !mine 1", "tag_not_allowed"),
        (b"a: .nan", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"a: &a [*a]", "nested_too_deeply"),
        (b"[" * 5000, "nested_too_deeply"),
        (b'{"a":' * 5000, "nested_too_deeply"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested_too_deeply"),
        (b"a: b\n" * (MAX_BYTES // 5 + 1), "document_too_large"),
        (b"apiVersion: v2.2.2", "unsupported_version"),
        (b"apiVersion: v3.1.0", "invalid_contract"),
    ],
)
def test_what_is_no_contract_is_refused_with_a_code(body: bytes, code: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(body)
    assert caught.value.code == code


def test_a_billion_laughs_end_early() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.process_time()
    with pytest.raises(UnreadableDocumentError) as caught:
        read_document("\n".join(lines).encode())
    assert caught.value.code == "too_many_nodes"
    assert time.process_time() - started < 5


def test_problems_name_their_place() -> None:
    document = {**MINIMAL, "schema": [{"name": "t", "properties": [{"name": "c", "logicalType": "word"}]}]}
    with pytest.raises(InvalidContractError) as caught:
        contract_of(document)
    assert ("/schema/0/properties/0/logicalType") in {path for path, _ in caught.value.problems}


def test_older_documents_may_say_what_newer_ones_may_not() -> None:
    quality = [{"type": "library", "rule": "duplicateCount", "mustBeLessThan": 10}]
    schema = [{"name": "t", "properties": [{"name": "c", "quality": quality}]}]
    assert contract_of({**MINIMAL, "apiVersion": "v3.0.2", "schema": schema}).objects[0]["name"] == "t"
    with pytest.raises(InvalidContractError):
        contract_of({**MINIMAL, "schema": schema})


def test_aliases_and_merges_are_what_they_stand_for() -> None:
    assert read_document(b"base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}") == {
        "base": {"x": 1, "y": 2},
        "mine": {"x": 1, "y": 3},
    }
