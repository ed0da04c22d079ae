"""A JSON Schema that is generated from models and committed: written again, or compared with the one that is there.

A package of documents makes its `__main__` of one; which documents there are is the packages' own business.

    FILE = SchemaFile("quality_svc.profile", Path(__file__).with_name("profile.schema.json"), json_schema)
    SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """Where a schema is committed, what makes it, and `module`: what `python -m` runs to write it."""

    module: str
    path: Path
    schema: Callable[[], Mapping[str, Any]]

    def text(self) -> str:
        """Return the file as it should be."""
        return json.dumps(self.schema(), indent=2, ensure_ascii=False) + "\n"

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Write the schema, or say whether the committed one is current."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=f"The schema {self.path.name}")
        parser.add_argument("action", choices=("write", "check"))
        if parser.parse_args(arguments).action == "write":
            self.path.write_text(self.text(), encoding="utf-8")
            return 0
        if self.path.is_file() and self.path.read_text(encoding="utf-8") == self.text():
            return 0
        sys.stderr.write(f"{self.path.name} is not what the models say: run `make schemas`\n")
        return 1
