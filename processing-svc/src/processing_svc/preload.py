"""What the sandbox's parent imports once, so that a parse starts with a fork. Importing this module is all it does.

pandas and `pyarrow.compute` stand here because DuckDB and pyarrow import them by themselves at their first use, which
would otherwise cost every parse a second.
"""

import chardet
import duckdb
import pandas as pd
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

from processing_svc import parse
from processing_svc.handlers import archive, csv, excel, parquet, pdf, registry

__all__ = [
    "archive",
    "chardet",
    "csv",
    "duckdb",
    "excel",
    "parquet",
    "parse",
    "pd",
    "pdf",
    "pyarrow",
    "registry",
]

registry.formats()  # remembers the entry points
