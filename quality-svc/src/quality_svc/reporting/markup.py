"""HTML by construction: whatever is not markup already is escaped, so no name and no value can become any."""

import html
from typing import Final

SHOWN_CHARACTERS: Final = 200
_VOID: Final = frozenset({"meta", "rect", "line", "circle", "path", "br"})


class Markup(str):
    """Text that is HTML or SVG."""

    __slots__ = ()


Child = str | Markup | int | float | None


def escaped(text: Child, most: int = SHOWN_CHARACTERS) -> Markup:
    """Return text as markup, cut, with what a browser would not show (control characters) made visible."""
    if isinstance(text, Markup):
        return text
    shown = "" if text is None else str(text)
    cut = shown if len(shown) <= most else shown[: most - 1] + "…"
    return Markup(html.escape("".join(c if c.isprintable() or c == "\n" else "�" for c in cut)))


def tag(name: str, /, *children: Child, **attributes: Child) -> Markup:
    """Return an element; `class_` and `aria_label` stand for the names that Python has no way to write."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value), 2000)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Markup(f"<{name}{given}>" if name in {"meta", "br"} else f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{''.join(map(escaped, children))}</{name}>")


def joined(*parts: Child) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(map(escaped, parts)))
