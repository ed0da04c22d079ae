"""Defined names of a workbook: which ranges of which sheet they name, and what the built-in ones say."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from processing_svc.grid.cells import SheetFacts, parse_area

MAX_NAMES: Final = 10_000
_RANGE: Final = re.compile(
    r"^=?(?:'((?:[^']|'')+)'|([^'!,()\[\]]+))!(\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?)$", re.IGNORECASE
)
_FILTER: Final = "_filterdatabase"


def defined_ranges(names: Iterable[tuple[str, str | None, str]], sheets: Sequence[str]) -> dict[int, SheetFacts]:
    """Return names and filters by the index of their sheet. Takes names, the index of their sheet, and formulas."""
    index_of = {name.lower(): index for index, name in reversed(list(enumerate(sheets)))}
    found: dict[int, SheetFacts] = {}
    for number, (name, _, formula) in enumerate(names):
        if number >= MAX_NAMES:
            break
        match = _RANGE.match(formula.strip())
        area = parse_area(match[3]) if match else None
        if match is None or area is None:
            continue
        index = index_of.get((match[1] or match[2]).replace("''", "'").strip().lower())
        if index is None:
            continue
        facts = found.setdefault(index, SheetFacts())
        if name.lower().endswith(_FILTER):
            facts.filters.append(area)
        elif not name.lower().startswith("_xl"):
            facts.names.append((name, area))
    return found
