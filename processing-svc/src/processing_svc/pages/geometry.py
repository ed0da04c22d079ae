"""Boxes, words and ruled lines of a page, in points, upright: x grows to the right, y upwards."""

from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    @property
    def x(self) -> float:
        """The middle between left and right."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """The middle between bottom and top."""
        return (self.bottom + self.top) / 2

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is inside."""
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    def overlaps(self, other: "Box") -> bool:
        """Whether some area is shared."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def grown(self, by: float) -> "Box":
        """Return the box with a margin around it."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)


def around(boxes: "list[Box]") -> Box:
    """Return the smallest box that holds all of some."""
    return Box(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )


@dataclass(frozen=True, slots=True)
class Word:
    """Characters that stand together. `baseline` is the y they stand on; `turned`: they run up or down the page."""

    text: str
    box: Box
    baseline: float
    size: float
    bold: bool = False
    turned: bool = False
    glued: bool = False
    """Whether it follows the word before without a space (a superscript, a change of font)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line: at `at` across the other axis, from `start` to `end` along its own.

    `soft`: the edge of a shaded area, which may be no border but often is one.
    """

    at: float
    start: float
    end: float
    soft: bool = False

    @property
    def length(self) -> float:
        """From start to end."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class PageContent:
    """What stands on a page: its words, and its rules along and across."""

    words: tuple[Word, ...]
    across: tuple[Rule, ...]
    """Horizontal rules: `at` is y."""
    upright: tuple[Rule, ...]
    """Vertical rules: `at` is x."""
    width: float
    height: float
    turns: int = 0
    """Quarter turns, against the clock, that the page was turned by so that its text is upright."""
    shown: bool = False
    """Whether anything is shown that is not read as text."""
    pictured: float = 0.0
    """Share of the page that its largest picture covers."""

    def original_box(self, box: Box) -> Box:
        """Return a box in the coordinates of the page as it is stored."""
        points = [
            back(self.turns, x, y, self.width, self.height) for x, y in ((box.left, box.bottom), (box.right, box.top))
        ]
        (x0, y0), (x1, y1) = points
        return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def turn(turns: int, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    """Turn a point of a page of this size, as it is stored, so many quarters clockwise about the page."""
    match turns % 4:
        case 1:
            return y, width - x
        case 2:
            return width - x, height - y
        case 3:
            return height - y, x
        case _:
            return x, y


def back(turns: int, x: float, y: float, width: float, height: float) -> tuple[float, float]:
    """Undo `turn`; width and height are those of the upright page."""
    return turn(-turns, x, y, width, height)
