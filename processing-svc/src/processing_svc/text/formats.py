"""Whether the next table of a text has a format of its own: records that the format so far leaves in one piece."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from processing_svc.text.layout import is_named
from processing_svc.text.sniff import sniff
from processing_svc.text.splitting import Format, Record, records, split

_USUAL: Final = frozenset({",", ";", "\t", "|", ", ", "; ", " | "})
_LEAST: Final = 3
"""Records that make a table: a header and two, or three of several columns."""
_TITLES: Final = 3
"""Most lines of text above it."""


def other_format(lines: Sequence[str], form: Format) -> Format | None:
    """Return the format of the table that some lines begin with, perhaps below a title; None where it is the same one.

    It is another one if each of its lines is one piece by the known format, and all have one width of two or more by
    the other. Only usual delimiters count: any text can be cut somehow.
    """
    if not form.is_plain or not any(_may_part(line, form) for line in lines[:12]):
        return None
    for number, line in enumerate(_first_paragraphs(lines)):
        if number > _TITLES:
            return None
        if len(line) >= _LEAST and (other := _format_of(line, form)) is not None:
            return other
        if any(len(split(text, form).fields) > 1 for text in line):
            return None
    return None


def _may_part(line: str, form: Format) -> bool:
    return form.delimiter not in line and any(mark in line for mark in ",;\t|")


def _first_paragraphs(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines between blank ones, without the last if its end is not in sight."""
    return [list(group) for filled, group in groupby(lines, key=lambda line: bool(line.strip())) if filled]


def _format_of(lines: Sequence[str], form: Format) -> Format | None:
    """Return the format that a paragraph, or what stands below its titles, has throughout."""
    for start in range(min(_TITLES, len(lines) - _LEAST + 1)):
        part = lines[start:]
        if any(len(split(line, form).fields) > 1 for line in part):
            return None
        other = sniff(part).form
        if other.delimiter not in _USUAL or other.delimiter.strip(" ") == form.delimiter.strip(" "):
            continue
        rows = list(records(part, other))
        if _is_table(rows):
            return other
    return None


def _is_table(rows: Sequence[Record]) -> bool:
    width = len(rows[0].fields)
    alike = len(rows) >= _LEAST and all(len(row.fields) == width and row.split.strict for row in rows)
    return alike and width > 1 and (is_named(rows) or (width > 2 and len(rows) > _LEAST))  # noqa: PLR2004
