"""`python -m quality_svc.anomalies write | check`: the committed JSON Schema of the document of anomalies."""

import sys
from pathlib import Path
from typing import Final

from dataplatform.schema_file import SchemaFile
from quality_svc.anomalies.document import json_schema

FILE: Final = SchemaFile("quality_svc.anomalies", Path(__file__).with_name("anomalies.schema.json"), json_schema)
SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main

if __name__ == "__main__":
    sys.exit(main())
