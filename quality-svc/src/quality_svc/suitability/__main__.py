"""`python -m quality_svc.suitability write | check`: the committed JSON Schema of the suitability document."""

import sys
from pathlib import Path
from typing import Final

from dataplatform.schema_file import SchemaFile
from quality_svc.suitability.document import json_schema

FILE: Final = SchemaFile("quality_svc.suitability", Path(__file__).with_name("suitability.schema.json"), json_schema)
SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main

if __name__ == "__main__":
    sys.exit(main())
