"""Filters as SQL conditions with bound parameters.

Columns are called `t.c<position>`: no name ever becomes SQL, and none that a result has is taken for one of the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog_svc.rows.engine import ColumnType
from catalog_svc.rows.language import Comparison, Filter, Junction, Negation, Search, invalid
from catalog_svc.rows.operands import family, operand, truth

_COMPARED = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_TEXTUAL = {
    "contains": "contains({0}, {1})",
    "icontains": "contains(strip_accents(lower({0})), strip_accents(lower({1})))",
    "starts_with": "starts_with({0}, {1})",
    "ends_with": "ends_with({0}, {1})",
    "matches": "regexp_matches({0}, {1})",
}
_MAX_PATTERN = 1000
_MAX_SEARCHED = 5000


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, found by name."""

    listed: Sequence[ColumnType]
    positions: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", {column.name: n for n, column in enumerate(self.listed)})

    def position(self, name: str) -> int:
        """Return where the column is; raises a 422 `unknown_column`."""
        found = self.positions.get(name)
        if found is None:
            raise invalid("unknown_column", f"the table has no column `{name[:200]}`")
        return found

    def named(self, name: str) -> ColumnType:
        """Return the column of this name; raises a 422 `unknown_column`."""
        return self.listed[self.position(name)]

    def reference(self, name: str) -> str:
        """Return the column as SQL calls it."""
        return f"t.c{self.position(name)}"

    @property
    def aliases(self) -> str:
        """All columns as SQL calls them, for `AS t(...)`."""
        return ", ".join(f"c{number}" for number in range(len(self.listed)))


@dataclass(slots=True)
class Predicate:
    """Writes conditions; what they bind is added to `parameters`, which SQL calls `$1`, `$2` and so on."""

    columns: Columns
    parameters: list[Any]

    def sql(self, where: Filter) -> str:
        """Return the condition; raises 422 problems for what does not fit the columns."""
        match where:
            case Junction(kind, parts):
                if not parts:
                    return "true" if kind == "and" else "false"
                return "(" + f" {kind.upper()} ".join(map(self.sql, parts)) + ")"
            case Negation(part):
                # two-valued: what is unknown for want of a value does not hold, so its negation does
                return f"(NOT coalesce({self.sql(part)}, false))"
            case Search(words):
                return self._search(words)
            case Comparison():
                return self._comparison(where)

    def bind(self, value: Any) -> str:
        """Add a parameter and return what SQL calls it."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def _comparison(self, where: Comparison) -> str:
        column, name = self.columns.named(where.column), self.columns.reference(where.column)
        match where.operator:
            case "is_null":
                return self._null(where, name)
            case "ne":
                return f"{name} IS DISTINCT FROM {self.bind(operand(column, where.value))}"
            case "between":
                low, high = (self.bind(operand(column, value)) for value in where.value)
                return f"{name} BETWEEN {low} AND {high}"
            case "in" | "not_in":
                return self._listed(where, column, name)
            case operator if operator in _TEXTUAL:
                return self._textual(where, column, name)
        return f"{name} {_COMPARED[where.operator]} {self.bind(operand(column, where.value))}"

    def _null(self, where: Comparison, name: str) -> str:
        try:
            wanted = truth(True if where.value is None else where.value)
        except ValueError as error:
            raise invalid("invalid_value", "`is_null` is true or false") from error
        return f"{name} IS {'' if wanted else 'NOT '}NULL"

    def _listed(self, where: Comparison, column: ColumnType, name: str) -> str:
        values = ", ".join(self.bind(operand(column, value)) for value in where.value)
        if where.operator == "in":
            return f"{name} IN ({values})" if values else "false"
        return f"({name} IS NULL OR {name} NOT IN ({values}))" if values else "true"

    def _textual(self, where: Comparison, column: ColumnType, name: str) -> str:
        if family(column) != "text":
            raise invalid("invalid_filter", f"`{where.operator}` is for text; `{column.name}` is {column.type}")
        value = operand(column, where.value)
        if where.operator == "matches" and len(value) > _MAX_PATTERN:
            raise invalid("invalid_value", f"a regular expression has at most {_MAX_PATTERN} characters here")
        return _TEXTUAL[where.operator].format(name, self.bind(value))

    def _search(self, words: Sequence[str]) -> str:
        texts = [f"t.c{n}" for n, column in enumerate(self.columns.listed) if family(column) == "text"]
        if len(texts) * len(words) > _MAX_SEARCHED:
            raise invalid("filter_too_large", "so many words in so many columns are too much: name columns in a filter")
        found = []
        for word in words:
            plain = f"strip_accents(lower({self.bind(word)}))"
            anywhere = " OR ".join(f"contains(strip_accents(lower({name})), {plain})" for name in texts)
            found.append(f"({anywhere or 'false'})")
        return "(" + " AND ".join(found) + ")" if found else "true"
