"""A plot as SVG text: lines over one axis, each scaled to its own largest value, which its label states."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH, HEIGHT, MARGIN = 560, 320, 56
_LOOKS: Final = (("#1f5fa8", "", MARGIN, "start"), ("#b5541c", "6 4", WIDTH - MARGIN, "end"))


@dataclass(frozen=True, slots=True)
class Line:
    """The values of one line, and what its highest point is called: `{:.0f} MiB at the peak`."""

    values: Sequence[float]
    label: str


def plot(what: str, sizes: Sequence[float], left: Line, right: Line) -> str:
    """Return an SVG of two lines over `sizes`, which the axis calls `what`."""
    x = [MARGIN + size / max(sizes) * (WIDTH - 2 * MARGIN) for size in sizes]
    labels = "".join(
        f'<text x="{place:.0f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{size:,.0f}</text>'
        for place, size in zip(x, sizes, strict=True)
        if size >= max(sizes) / 8
    )
    drawn = "".join(_drawn(x, line, look) for line, look in zip((left, right), _LOOKS, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<path d="M{MARGIN} {MARGIN} V{HEIGHT - MARGIN} H{WIDTH - MARGIN} V{MARGIN}" fill="none" stroke="#999"/>'
        f'{drawn}{labels}<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">{what}</text></svg>\n'
    )


def _drawn(x: Sequence[float], line: Line, look: tuple[str, str, int, str]) -> str:
    colour, dashes, label_x, anchor = look
    top = max(line.values) or 1.0
    y = [HEIGHT - MARGIN - value / top * (HEIGHT - 2 * MARGIN) for value in line.values]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in zip(x, y, strict=True))
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-dasharray="{dashes}"/>{dots}'
        f'<text x="{label_x}" y="{MARGIN - 12}" fill="{colour}" text-anchor="{anchor}">{line.label.format(top)}</text>'
    )
