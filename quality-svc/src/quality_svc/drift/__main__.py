"""`python -m quality_svc.drift write | check`: the committed JSON Schema of a version's signature.

What a comparison finds is part of the assessment document, and of its schema.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quality_svc.drift.signature import json_schema

SCHEMA_FILE: Final = Path(__file__).with_name("signature.schema.json")


def schema_text() -> str:
    """Return the file as it should be."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema, or say whether the committed one is current."""
    parser = argparse.ArgumentParser(prog="python -m quality_svc.drift", description=__doc__)
    parser.add_argument("action", choices=("write", "check"))
    action = parser.parse_args(arguments).action
    if action == "write":
        SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    elif not SCHEMA_FILE.is_file() or SCHEMA_FILE.read_text(encoding="utf-8") != schema_text():
        sys.stderr.write(f"{SCHEMA_FILE.name} is not what the models say: run `make schemas`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
