"""What SQL of strangers may say: one SELECT over tables that they name and we give, nothing that reads anything else.

DuckDB parses the text; the tree is checked, never the text. The engine that runs it can reach no other file either (see
`sqlprocess`): this is the first of two doors, and the one whose answers people understand.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from catalog_svc.rows.language import invalid
from dataplatform.problems import Problem

if TYPE_CHECKING:
    import duckdb

MAX_CHARACTERS: Final = 20_000
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
_REFUSED_FUNCTIONS: Final = frozenset({"current_setting", "getenv", "getvariable", "write_log", "nextval", "currval"})
_REFUSED_SOURCES: Final = frozenset({"SHOW_REF", "COLUMN_DATA", "COLUMN_DATA_REF", "DELIM_GET", "BOUND_TABLE_REF"})


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A table as a statement names it; `schema` is empty where it has one name only."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT as the parser understood it, without comments, and the tables it reads."""

    sql: str
    tables: tuple[Name, ...]


def statement(text: str) -> Statement:
    """Return what the text says; raises a 422 `invalid_sql` or `sql_not_allowed` with the reason."""
    import duckdb  # noqa: PLC0415 - only whoever asks in SQL pays for it

    if len(text) > MAX_CHARACTERS:
        raise invalid("invalid_sql", f"a statement has at most {MAX_CHARACTERS:,} characters")
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as parser:
        tree = _parsed(parser, text)
        names = _tables(tree["statements"][0])
        row = parser.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
    return Statement(str(row[0]) if row else text, tuple(names))


def _tables(tree: Any) -> list[Name]:
    own = {entry["key"] for node in _nodes(tree) for entry in _ctes(node)}
    names: set[Name] = set()
    for node in _nodes(tree):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            if node.get("catalog_name"):
                raise _refused("a table has one name, or two: institution.dataset")
            name = Name(str(node.get("schema_name", "")), str(node["table_name"]))
            if name.schema or name.table not in own:
                names.add(name)
        elif kind == "TABLE_FUNCTION":
            called = str((node.get("function") or {}).get("function_name", "")).lower()
            if called not in _TABLE_FUNCTIONS:
                raise _refused(f"`{called}` is not there: tables are read by their names")
        elif isinstance(kind, str) and kind in _REFUSED_SOURCES and "class" not in node:
            raise _refused("only SELECT over tables")
        elif node.get("class") == "FUNCTION" and str(node.get("function_name", "")).lower() in _REFUSED_FUNCTIONS:
            raise _refused(f"the function `{node['function_name']}` is not there")
    return sorted(names)


def _parsed(parser: "duckdb.DuckDBPyConnection", text: str) -> Any:
    row = parser.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    found = json.loads(row[0]) if row else {}
    if found.get("error"):
        if "Only SELECT" in (message := str(found.get("error_message", ""))):
            raise _refused("only SELECT: nothing is written, attached, copied or set")
        raise invalid("invalid_sql", message[:500])
    if len(found["statements"]) != 1:
        raise _refused("one statement at a time")
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node; by a list of our own, as a statement may be nested deeper than Python calls."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    return list(found.get("map", [])) if isinstance(found, dict) else []


def _refused(detail: str) -> Problem:
    return invalid("sql_not_allowed", detail)
