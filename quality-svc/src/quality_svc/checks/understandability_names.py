"""Names: how many columns are called something (ISO/IEC 25024 semantic understandability)."""

import re
from collections import Counter
from typing import Final

from quality_svc.checks.counting import measure_columns, not_measured
from quality_svc.checks.interface import Measurement, TableFacts

_MADE_UP: Final = re.compile(
    r"(?:unnamed(?::?[ _]?\d+)?|(?:column|col|field|var|spalte|columna|colonne|v)[ _]?\d+|_+|\d+)", re.IGNORECASE
)
"""Names that programs give: `Unnamed: 3`, `column_7`, `V1`, a bare number."""


class UnderstandabilityNames:
    """Columns with a name that is neither empty, nor made up by a program, nor that of another, over all columns."""

    name = "understandability_names"
    dimension = "understandability"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Measure the names in the original, unless the table has no columns."""
        if not table.columns:
            return not_measured(self, reason="no_cells")
        names = {
            column.position: (column.source_name if column.source_name is not None else column.name).strip()
            for column in table.columns
        }
        shared = {name for name, count in Counter(name.casefold() for name in names.values()).items() if count > 1}
        return measure_columns(
            self,
            table,
            [
                column
                for column in table.columns
                if not (name := names[column.position]) or name.casefold() in shared or _MADE_UP.fullmatch(name)
            ],
        )
