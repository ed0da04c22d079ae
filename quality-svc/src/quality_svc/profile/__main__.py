"""`python -m quality_svc.profile write | check`: the committed JSON Schema of the profile document."""

import sys
from pathlib import Path
from typing import Final

from dataplatform.schema_file import SchemaFile
from quality_svc.profile.document import json_schema

FILE: Final = SchemaFile("quality_svc.profile", Path(__file__).with_name("profile.schema.json"), json_schema)
SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main

if __name__ == "__main__":
    sys.exit(main())
