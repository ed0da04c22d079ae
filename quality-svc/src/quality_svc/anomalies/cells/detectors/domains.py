"""Cells that are not of the semantic type that nearly all of their column is: an e-mail address without its dot.

The validators are those of `semantics`. A column is of a type where at least nine in ten of its cells are valid, so a
column's name plays no part. IBANs and card numbers have check digits: there a wrong digit shows as well.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellColumn, CellTable
from quality_svc.semantics.codes import is_uuid
from quality_svc.semantics.contacts import is_email, is_ip_address, is_url
from quality_svc.semantics.numbers import is_iban, is_payment_card

_VALID: Final = 0.9
_PROBE: Final = 500
_MIN_FILLED: Final = 20
_TYPES: Final[tuple[tuple[str, Callable[[str], object]], ...]] = (
    ("an e-mail address", is_email),
    ("a URL", is_url),
    ("a UUID", is_uuid),
    ("an IBAN", is_iban),
    ("an IP address", is_ip_address),
    ("a payment card number", is_payment_card),
)


class Domains:
    """Values outside of the semantic type of their column."""

    name = "domains"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield invalid values of columns of a type with a validator."""
        del context
        for place, column in enumerate(table.columns):
            if not column.is_text or column.filled < _MIN_FILLED:
                continue
            for what, is_valid in _TYPES:
                reasons = _invalid(column, what, is_valid)
                if reasons:
                    yield Suspicions.of_values("domain", table, place, reasons)


def _invalid(column: CellColumn, what: str, is_valid: Callable[[str], object]) -> dict[int, Reason]:
    probe = np.unique(np.linspace(0, column.distinct - 1, min(_PROBE, column.distinct)).astype(np.int64)).tolist()
    if sum(bool(is_valid(column.values[code].strip())) for code in probe) < (_VALID - 0.1) * len(probe):
        return {}
    valid = np.array([bool(is_valid(text.strip())) for text in column.values])
    share = float(column.counts[valid].sum() / column.filled)
    if not _VALID <= share < 1:
        return {}
    shown = f"not {what}, as {share:.1%} of {column.filled:,} cells are"
    sure = round(0.55 + 0.4 * (share - _VALID) / (1 - _VALID), 3)
    return {int(code): Reason(sure, shown) for code in np.flatnonzero(~valid)}
