"""The relations document: its schema is the committed one."""

from jsonschema import Draft202012Validator

from quality_svc.relations import Relations
from quality_svc.relations.__main__ import SCHEMA_FILE, main
from quality_svc.relations.document import json_schema


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert main(["check"]) == 0
    assert SCHEMA_FILE.is_file()


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert set(json_schema()["properties"]) == set(Relations.model_fields)
