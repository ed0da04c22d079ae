"""A table as rows and columns of cells with their text, where it stands, and how sure it is that it is one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from processing_svc.pages.geometry import Box, Word
from processing_svc.pages.lines import lines_of, text_of


@dataclass(slots=True)
class Cell:
    """A cell at its first row and column; it may span more."""

    row: int
    column: int
    text: str
    rows: int = 1
    columns: int = 1
    middle: float | None = None
    """Where its text has its middle from left to right."""
    bold: bool = False


@dataclass(slots=True)
class Grid:
    """A table of a page. `cells` hold text; `edges` are the x positions between which its columns stand."""

    box: Box
    height: int
    width: int
    cells: list[Cell]
    edges: tuple[float, ...] = ()
    ruled: bool = False
    header: int = 0
    """How many of the first rows name the columns."""
    confidence: float = 0.0
    titles: list[str] = field(default_factory=list)
    """What stands over the whole table, in it or right above it."""
    footnotes: int = 0
    """Lines under the table that were taken out of it."""
    engine: str = ""
    """What found it, where that is not this package's own reading."""

    def rows(self) -> list[list[str]]:
        """Return the text of every place of the grid; a cell that spans several stands in its first."""
        table = [[""] * self.width for _ in range(self.height)]
        for cell in self.cells:
            at = table[cell.row][cell.column]
            table[cell.row][cell.column] = f"{at} {cell.text}" if at else cell.text
        return table


def trimmed(grid: Grid) -> Grid:
    """Return a grid without rows and columns that hold nothing."""
    rows = sorted({cell.row for cell in grid.cells})
    columns = sorted({cell.column for cell in grid.cells})
    row_at = {row: index for index, row in enumerate(rows)}
    column_at = {column: index for index, column in enumerate(columns)}
    for cell in grid.cells:
        cell.rows = sum(cell.row <= row < cell.row + cell.rows for row in rows)
        cell.columns = sum(cell.column <= column < cell.column + cell.columns for column in columns)
        cell.row, cell.column = row_at[cell.row], column_at[cell.column]
    if grid.edges and columns:
        ends = [*columns[1:], grid.width]
        grid.edges = (grid.edges[columns[0]], *(grid.edges[end] for end in ends))
    grid.height, grid.width = len(rows), len(columns)
    return grid


def cell_text(words: Sequence[Word]) -> str:
    """Return the words of a cell as text: lines from the top, a word that a hyphen breaks put together again."""
    turned = [word for word in words if word.turned]
    texts = [" ".join(segment.text for segment in line.segments) for line in lines_of(words)] if words else []
    if turned:
        ordered = sorted(turned, key=lambda word: (round(word.box.x), word.box.bottom))
        texts.append(text_of(ordered))
    text = ""
    for line in texts:
        if text.endswith("-") and len(text) > 1 and text[-2].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return " ".join(text.split())
