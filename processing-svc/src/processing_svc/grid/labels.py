"""What the text of cells says at a glance: nothing, the name of a total, or running text. Whole arrays at a time."""

from typing import Final

import numpy as np

from processing_svc.grid.arrow import ArrowArray, arrow, compute
from processing_svc.grid.cells import Bytes, Kind, Mark

LONG_CHARACTERS: Final = 60
"""A text longer than this is no label."""
_NAMES: Final = (
    "totals?|sub[ -]?totals?|grand[ -]?totals?|overall totals?|sum|sums|total general|total général|totaux|"
    "sous[ -]?total|somme|summe|summen|gesamt|gesamtsumme|gesamtergebnis|insgesamt|zwischensumme|suma|suma total|"
    "totale|totale generale|subtotale|totaal|subtotaal|eindtotaal|итого|всего|общий итог|合计|总计|小计|总和|合計|"
    "総計|小計|계|합계|소계|총계|toplam|genel toplam|"
    "razem|ogółem|suma końcowa|celkem|součet|summa|yhteensä|i alt|totalt|összesen|végösszeg|σύνολο|المجموع|الإجمالي"
)
TOTAL: Final = rf"(?i)^[\s*]*(?:{_NAMES})[\s:.=*]*$"
"""Text that is the name of a total and nothing else."""
TOTAL_OF: Final = (
    r"(?i)^\s*(?:(?:grand[ -]?|sub[ -]?)?total\b.{1,40}|.{1,40}\b(?:sub[ -]?)?total|"
    r".{1,30}-?(?:ergebnis|summe|合计|小计|合計|小計))[\s:]*$"
)
"""Text that has the name of a total in it."""
_VISIBLE: Final = r"[^\s\x{00a0}\x{200b}\x{feff}]"
_MAY_BE: Final = rf"{TOTAL}|{TOTAL_OF}"


def kinds_of(texts: ArrowArray) -> Bytes:
    """Return the kind of every text (TEXT, BLANK, or EMPTY for no text at all) with its marks."""
    lengths = np.asarray(compute.fill_null(compute.utf8_length(texts), 0))
    kinds = np.full(len(texts), np.uint8(Kind.TEXT))
    kinds[lengths > LONG_CHARACTERS] |= np.uint8(Mark.LONG)
    short = np.flatnonzero((lengths > 0) & (lengths <= LONG_CHARACTERS))
    if len(short):
        few = texts if len(short) == len(texts) else texts.take(arrow.array(short))
        kinds[short[_mask(compute.match_substring_regex(few, _MAY_BE))]] |= np.uint8(Mark.TOTAL)
    seen = _mask(compute.match_substring_regex(texts, _VISIBLE))
    kinds[~seen] = Kind.BLANK
    kinds[lengths == 0] = Kind.EMPTY
    return kinds


def _mask(values: ArrowArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(compute.fill_null(values, fill_value=False))
