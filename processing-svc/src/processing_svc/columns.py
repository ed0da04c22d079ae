"""Safe, unique column names out of whatever stands in a header. The source's name is kept beside it."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

MAX_NAME_CHARACTERS: Final = 100

_UNSAFE: Final = re.compile(r"[^\w]+")


def safe_names(source_names: Iterable[str | None]) -> list[str]:
    """Return one name for each source name: lower-case word characters, unique also where case is ignored.

    An empty name becomes `column_<position, from 1>`; a repeated one gets a number behind it.
    """
    names: list[str] = []
    taken: set[str] = set()
    for position, source in enumerate(source_names, start=1):
        base = _safe(source or "") or f"column_{position}"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _safe(source: str) -> str:
    text = _UNSAFE.sub("_", unicodedata.normalize("NFKC", source)).strip("_").lower()[:MAX_NAME_CHARACTERS]
    return f"_{text}" if text[:1].isdigit() else text
