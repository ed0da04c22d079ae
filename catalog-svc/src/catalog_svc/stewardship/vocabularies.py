"""The vocabularies that a description's codes come from: frequencies and themes of the EU, licences of SPDX.

The EU's codes are the last parts of addresses in its authority tables, which DCAT-AP asks for.
"""

from functools import cache
from typing import Any, Final

from license_expression import ExpressionError, get_spdx_licensing

AUTHORITY: Final = "http://publications.europa.eu/resource/authority"

FREQUENCIES: Final = frozenset(
    {
        "1MIN", "5MIN", "10MIN", "15MIN", "30MIN", "12HRS", "ANNUAL", "ANNUAL_2", "ANNUAL_3", "AS_NEEDED",
        "BIDECENNIAL", "BIENNIAL", "BIHOURLY", "BIMONTHLY", "BIWEEKLY", "CONT", "DAILY", "DAILY_2", "DECENNIAL",
        "HOURLY", "IRREG", "MONTHLY", "MONTHLY_2", "MONTHLY_3", "NEVER", "NOT_PLANNED", "OP_DATPRO", "OTHER",
        "QUADRENNIAL", "QUARTERLY", "QUINQUENNIAL", "TRIDECENNIAL", "TRIENNIAL", "TRIHOURLY", "UNKNOWN", "UPDATE_CONT",
        "WEEKLY", "WEEKLY_2", "WEEKLY_3", "WEEKLY_5",
    }
)  # fmt: skip
"""`frequency`: how often a dataset is brought up to date."""

THEMES: Final = frozenset(
    {
        "AGRI", "ECON", "EDUC", "ENER", "ENVI", "GOVE", "HEAL", "INTR", "JUST", "OP_DATPRO", "REGI", "SOCI", "TECH",
        "TRAN",
    }
)  # fmt: skip
"""`data-theme`: what a dataset is about, coarsely."""


@cache
def _spdx() -> Any:
    return get_spdx_licensing()


def licence(said: str) -> str:
    """Return a licence as SPDX writes it: an identifier, or an expression of several. An address stays as it is.

    Raises `ValueError` for what is neither, with the words that are wrong.
    """
    if said.startswith(("http://", "https://")):
        return said
    try:
        found = _spdx().validate(said, strict=True)
    except (ExpressionError, ValueError, RecursionError) as error:
        raise ValueError("no SPDX licence expression") from error
    if found.errors or not found.normalized_expression:
        raise ValueError("; ".join(found.errors)[:300] or "no SPDX licence expression")
    return str(found.normalized_expression)
