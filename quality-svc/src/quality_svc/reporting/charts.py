"""Charts as static SVG: bars, histograms, a ring, a matrix. Colours are classes, so the page's style rules them.

Each has a title for who cannot see it, and takes no more room than it is given.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import pi
from typing import Final

from quality_svc.reporting.markup import Child, Markup, escaped, joined, tag

WIDTH: Final = 260.0
_HEIGHT: Final = 72.0
_BAR: Final = 18.0


def _svg(width: float, height: float, title: str, *children: Child) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=title,
    )


def ring(share: float | None, title: str) -> Markup:
    """Return a share as a ring with its number within; nothing but a dash where it was not measured."""
    radius, length = 52.0, 2 * pi * 52
    filled = length * (share or 0.0)
    circle = {"cx": "64", "cy": "64", "r": f"{radius:g}", "fill": "none", "stroke_width": "14"}
    shown = "?" if share is None else f"{100 * share:.0f}"
    return _svg(
        128,
        128,
        title,
        tag("circle", class_="track", **circle),
        tag("circle", class_=f"ring {grade(share)}", stroke_dasharray=f"{filled:.2f} {length:.2f}",
            transform="rotate(-90 64 64)", **circle) if filled else None,
        tag("text", shown, x="64", y="76", text_anchor="middle", class_="ring-text"),
    )  # fmt: skip


def grade(share: float | None) -> str:
    """Return the class of a share: good, fair, poor, or none where there is none."""
    if share is None:
        return "none"
    if share >= 0.95:  # noqa: PLR2004
        return "good"
    return "fair" if share >= 0.8 else "poor"  # noqa: PLR2004


def meter(share: float | None, title: str, width: float = WIDTH) -> Markup:
    """Return a share as a bar on its track."""
    bar = tag("rect", x=0, y=3, width=f"{width * (share or 0):.2f}", height=10, rx=3, class_=f"bar {grade(share)}")
    return _svg(width, 16, title, tag("rect", x=0, y=3, width=f"{width:g}", height=10, rx=3, class_="track-fill"), bar)


def histogram(edges: Sequence[float], counts: Sequence[int], labels: tuple[str, str], title: str) -> Markup:
    """Return counts over bins whose widths are those of the edges (all alike where `edges` is empty)."""
    highest = max(counts, default=0) or 1
    places = _places(edges, len(counts))
    bars = [
        tag("rect", x=f"{left + 0.5:.2f}", y=f"{_HEIGHT - _tall(count, highest):.2f}",
            width=f"{max(right - left - 1, 0.6):.2f}", height=f"{_tall(count, highest):.2f}", class_="bar data")
        for (left, right), count in zip(pairwise(places), counts, strict=True) if count
    ]  # fmt: skip
    axis = tag("line", x1=0, y1=f"{_HEIGHT:g}", x2=f"{WIDTH:g}", y2=f"{_HEIGHT:g}", class_="axis")
    low = tag("text", escaped(labels[0], 22), x=0, y=f"{_HEIGHT + 14:g}", class_="label")
    high = tag("text", escaped(labels[1], 22), x=f"{WIDTH:g}", y=f"{_HEIGHT + 14:g}", text_anchor="end", class_="label")
    return _svg(WIDTH, _HEIGHT + 18, title, *bars, axis, low, high)


def _tall(count: int, highest: int) -> float:
    return max(_HEIGHT * count / highest, 1.0)


def _places(edges: Sequence[float], bins: int) -> list[float]:
    if len(edges) == bins + 1 and edges[-1] > edges[0]:
        span = edges[-1] - edges[0]
        return [WIDTH * (edge - edges[0]) / span for edge in edges]
    return [WIDTH * at / max(bins, 1) for at in range(bins + 1)]


def bars(items: Sequence[tuple[str, float, str]], title: str, width: float = WIDTH) -> Markup:
    """Return items (name, size, words) as rows: the bar, the name on it, the words at the right end."""
    largest = max((size for _, size, _ in items), default=0) or 1
    rows = []
    for at, (name, size, words) in enumerate(items):
        y = at * _BAR
        rows += [
            tag("rect", x=0, y=f"{y + 1:g}", width=f"{max(width * size / largest, 1):.2f}", height=f"{_BAR - 3:g}",
                rx=2, class_="bar soft"),
            tag("text", escaped(name, 26), x=4, y=f"{y + 12.5:g}", class_="label strong"),
            tag("text", words, x=f"{width - 2:g}", y=f"{y + 12.5:g}", text_anchor="end", class_="label"),
        ]  # fmt: skip
    return _svg(width, max(len(items), 1) * _BAR, title, *rows)


def matrix(names: Sequence[str], values: dict[tuple[str, str], float], title: str) -> Markup:
    """Return values from -1 to 1 of pairs as a triangle of squares: deeper is stronger, a minus marks negative ones."""
    cell, left = 30.0, 150.0
    rows: list[Markup] = []
    for i, name in enumerate(names):
        y = i * cell
        rows.append(
            tag("text", escaped(name, 22), x=f"{left - 6:g}", y=f"{y + 19:g}", text_anchor="end", class_="label")
        )
        for j, other in enumerate(names[:i]):
            value = values.get((name, other), values.get((other, name)))
            if value is None:
                continue
            rows += [
                tag("rect", x=f"{left + j * cell:g}", y=f"{y:g}", width=28, height=28, rx=3,
                    class_="negative" if value < 0 else "positive", fill_opacity=f"{0.08 + 0.92 * abs(value):.2f}"),
                tag("text", f"{value:.1f}".replace("0.", "."), x=f"{left + j * cell + 14:g}", y=f"{y + 18:g}",
                    text_anchor="middle", class_="label on" if abs(value) > 0.55 else "label"),  # noqa: PLR2004
            ]  # fmt: skip
        rows.append(tag("text", str(i + 1), x=f"{left + i * cell + 14:g}", y=f"{y + 19:g}", text_anchor="middle",
                        class_="label"))  # fmt: skip
    return _svg(left + len(names) * cell, len(names) * cell + 4, title, joined(*rows))
