"""Defined names of an xlsb, as names and formulas for `names.defined_ranges`: those that stand for one range.

After [MS-XLSB]: BrtName (2.4.712), BrtExternSheet (2.4.674), and of its formulas PtgRef3d and PtgArea3d alone.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from processing_svc.workbook.biff12 import wide_string

NAME, BEGIN_LINKS, END_LINKS, SELF_LINK, EXTERN_SHEETS = 39, 353, 354, 357, 362
_LINKS: Final = range(355, 360)
_REFERENCE: Final = frozenset({0x3A, 0x5A, 0x7A})
_AREA: Final = frozenset({0x3B, 0x5B, 0x7B})
_COLUMN: Final = 0x3FFF


class BinaryNames:
    """Collects the records of `workbook.bin` that names are made of; they may come before or after the sheets."""

    def __init__(self) -> None:
        self._own: set[int] = set()
        self._links = 0
        self._sheets: list[int | None] = []
        self._names: list[tuple[str, bytes]] = []

    def take(self, code: int, data: bytes) -> None:
        """Take one record; raises `struct.error` and `EOFError` for one that is too short."""
        if code in _LINKS:
            if code == SELF_LINK:
                self._own.add(self._links)
            self._links += 1
        elif code == EXTERN_SHEETS:
            (count,) = struct.unpack_from("<I", data)
            places = struct.iter_unpack("<Iii", data[4 : 4 + 12 * count])
            self._sheets = [first if link in self._own and first == last else None for link, first, last in places]
        elif code == NAME:
            name, at = wide_string(data, 9)
            (length,) = struct.unpack_from("<I", data, at)
            self._names.append((name, data[at + 4 : at + 4 + length]))

    def ranges(self, sheets: Sequence[str]) -> Iterator[tuple[str, None, str]]:
        """Yield names and formulas such as `'sheet'!$A$1:$B$2`."""
        for name, formula in self._names:
            found = _area(formula)
            index = self._sheets[found[0]] if found and found[0] < len(self._sheets) else None
            if found is None or index is None or not 0 <= index < len(sheets):
                continue
            _, top, bottom, left, right = found
            quoted = sheets[index].replace("'", "''")
            yield name, None, f"'{quoted}'!{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}"


def _area(formula: bytes) -> tuple[int, int, int, int, int] | None:
    """Return place of the sheet, first and last row, first and last column; None for any other formula."""
    if len(formula) == struct.calcsize("<BHIIHH") and formula[0] in _AREA:
        _, place, top, bottom, left, right = struct.unpack("<BHIIHH", formula)
        return place, top, bottom, left & _COLUMN, right & _COLUMN
    if len(formula) == struct.calcsize("<BHIH") and formula[0] in _REFERENCE:
        _, place, row, column = struct.unpack("<BHIH", formula)
        return place, row, row, column & _COLUMN, column & _COLUMN
    return None


def _letters(column: int) -> str:
    letters, left = "", column + 1
    while left:
        left, digit = divmod(left - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
