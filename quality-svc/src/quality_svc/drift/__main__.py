"""`python -m quality_svc.drift write | check`: the committed JSON Schema of a version's signature.

What a comparison finds is part of the assessment document, and of its schema.
"""

import sys
from pathlib import Path
from typing import Final

from dataplatform.schema_file import SchemaFile
from quality_svc.drift.signature import json_schema

FILE: Final = SchemaFile("quality_svc.drift", Path(__file__).with_name("signature.schema.json"), json_schema)
SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main

if __name__ == "__main__":
    sys.exit(main())
