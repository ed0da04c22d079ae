"""What cannot be answered at all; what merely serves a task badly is an answer, not an error."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN_NAMES = 8


class UnknownColumnError(ValueError):
    """A column was named that the table does not have."""

    code = "unknown_column"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = list(known)
        shown = get_close_matches(name, names, 3, 0.5) or names[:SHOWN_NAMES]
        more = ", ..." if len(names) > len(shown) else ""
        self.detail = f"there is no column {name!r}; there are: {', '.join(shown)}{more}" if names else "no columns"
        super().__init__(self.detail)


class UnknownTaskError(ValueError):
    """A task was named that no installed package registers."""

    code = "unknown_task"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.detail = f"there is no task {name!r}; there are: {', '.join(known)}"
        super().__init__(self.detail)
