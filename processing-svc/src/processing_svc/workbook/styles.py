"""The formats of an OOXML workbook's cells: what kind of number each shows, and whether it stands out."""

from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np

from processing_svc.grid.cells import Bytes, Kind, Mark
from processing_svc.workbook.formats import kind_of
from processing_svc.workbook.package import Container, attribute, local

MAX_STYLES: Final = 1 << 17
_FALSE: Final = frozenset({"0", "false", "off"})
_NO_FILL: Final = frozenset({None, "none", "gray125"})


@dataclass(frozen=True, slots=True)
class Styles:
    """Facts of cell formats by their index; the last entry serves every index that does not exist."""

    kinds: Bytes = field(default_factory=lambda: np.array([Kind.FRACTION], np.uint8))
    emphasis: Bytes = field(default_factory=lambda: np.zeros(1, np.uint8))
    signs: dict[int, str] = field(default_factory=dict)
    """Currency signs of the formats that have one."""


def styles_of(formats: list[str | int], emphasized: list[bool]) -> Styles:
    """Build the facts from number formats (or numbers of built-in ones) and from what stands out."""
    known = {one: kind_of(one) for one in set(formats)}
    kinds = [known[one][0] for one in formats]
    signs = {index: sign for index, one in enumerate(formats) if (sign := known[one][1])}
    marks = [Mark.EMPHASIS if one else 0 for one in emphasized]
    return Styles(np.array([*kinds, Kind.FRACTION], np.uint8), np.array([*marks, 0], np.uint8), signs)


def read_styles(container: Container, part: str | None) -> Styles:
    """Read `styles.xml`; a workbook without it shows plain numbers."""
    if part is None:
        return Styles()
    root = container.tree(part)
    custom = {
        int(attribute(item, "numFmtId") or -1): attribute(item, "formatCode") or ""
        for item in _items(root, "numFmts", "numFmt")
        if (attribute(item, "numFmtId") or "").isdigit()
    }
    bold = [_is_bold(item) for item in _items(root, "fonts", "font")]
    filled = [_is_filled(item) for item in _items(root, "fills", "fill")]
    formats: list[str | int] = []
    emphasized = []
    for item in _items(root, "cellXfs", "xf")[:MAX_STYLES]:
        number = _number(item, "numFmtId")
        formats.append(custom.get(number, number))
        font, fill = _number(item, "fontId"), _number(item, "fillId")
        emphasized.append((font < len(bold) and bold[font]) or (fill < len(filled) and filled[fill]))
    return styles_of(formats, emphasized)


def _items(root: ET.Element, group: str, name: str) -> list[ET.Element]:
    """Return the children of one of the root's groups; formats of the same name stand elsewhere too."""
    return [item for child in root if local(child.tag) == group for item in child if local(item.tag) == name]


def _number(item: ET.Element, name: str) -> int:
    text = attribute(item, name) or "0"
    return int(text) if text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - digits of an int32


def _is_bold(font: ET.Element) -> bool:
    return any(local(item.tag) == "b" and (attribute(item, "val") or "1").lower() not in _FALSE for item in font)


def _is_filled(fill: ET.Element) -> bool:
    for item in fill:
        if local(item.tag) != "patternFill":
            return True
        return attribute(item, "patternType") not in _NO_FILL
    return False
