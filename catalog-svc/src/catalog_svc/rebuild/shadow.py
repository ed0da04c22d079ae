"""The shadow schema: the projection tables once more, empty, beside the live ones; comparison and replacement."""

from typing import Any, Final

import psycopg
from django.db import close_old_connections, connection
from psycopg import sql

from catalog_svc.datasets.views_sql import CREATE_UPLOAD_STATES
from catalog_svc.projections.apply import CONSUMER
from catalog_svc.projections.tables import Projection, projection_models

SCHEMA: Final = "rebuild"
_INBOX_TABLES: Final = ("stream_positions", "parked_events")

_SECONDARY_INDEXES: Final = """
SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = %s::regnamespace AND NOT i.indisunique AND c.relname = ANY (%s)
"""
_UNREAD: Final = ["event_index", "search_documents"]
"""Tables that are filled here and read by their keys alone: any other index would cost with every row."""

_MISSING: Final = """
SELECT count(*) FROM unnest(%s::text[]) AS t (name)
WHERE NOT EXISTS (SELECT 1 FROM pg_tables p WHERE p.schemaname = 'public' AND p.tablename = t.name)
"""
_DIFFERENT: Final = """
SELECT count(*) FROM (
    (SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other})
    UNION ALL
    (SELECT {columns} FROM {other} EXCEPT ALL SELECT {columns} FROM {one})
) AS d
"""
_DELETE: Final = """
DELETE FROM {live} l WHERE NOT EXISTS (
    SELECT 1 FROM {shadow} s WHERE {same_key} AND ROW({shadow_columns}) IS NOT DISTINCT FROM ROW({live_columns}))
"""
_INSERT: Final = """
INSERT INTO {live} ({columns}) SELECT {columns} FROM {shadow} s
WHERE NOT EXISTS (SELECT 1 FROM {live} l WHERE {same_key})
"""


def create() -> None:
    """Make the schema anew, with every projection table and the inbox's own tables, all empty."""
    close_old_connections()  # replaying took its time: the server may have been restarted meanwhile
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        cursor.execute(f"SET search_path TO {SCHEMA}, public")
    try:
        with connection.schema_editor() as editor:
            for model in projection_models():
                editor.create_model(model)
        with connection.cursor() as cursor:
            for name in _INBOX_TABLES:
                cursor.execute(f"CREATE TABLE {SCHEMA}.{name} (LIKE public.{name} INCLUDING ALL)")
            for name in (*_INBOX_TABLES, *(model._meta.db_table for model in projection_models())):  # noqa: SLF001
                cursor.execute(f"ALTER TABLE {SCHEMA}.{name} SET UNLOGGED")  # it is gone after a crash anyway
            cursor.execute(_SECONDARY_INDEXES, [SCHEMA, _UNREAD])
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP INDEX {name}")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")
        connection.close()


def drop() -> None:
    """Remove the schema."""
    close_old_connections()  # replaying took its time: the server may have been restarted meanwhile
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    connection.close()


def restore_missing() -> list[str]:
    """Make live projection tables that somebody dropped again, empty, and the views over them; return their names."""
    close_old_connections()
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    missing = [model for model in projection_models() if model._meta.db_table not in there]  # noqa: SLF001
    with connection.schema_editor() as editor:
        for model in missing:
            editor.create_model(model)
    with connection.cursor() as cursor:
        cursor.execute(CREATE_UPLOAD_STATES)
    connection.close()
    return [model._meta.db_table for model in missing]  # noqa: SLF001


def differences(live: psycopg.Connection[Any]) -> dict[str, int]:
    """Return, by table, how many rows are in one of the two and not in the other (equal rows counted as often)."""
    found = {}
    for model in projection_models():
        name = model._meta.db_table  # noqa: SLF001
        shadow = sql.Identifier(SCHEMA, name)
        if _count(live, _MISSING, [[name]]):
            found[name] = _count(live, sql.SQL("SELECT count(*) FROM {}").format(shadow))
        else:
            statement = sql.SQL(_DIFFERENT).format(
                columns=_columns(model), one=sql.Identifier("public", name), other=shadow
            )
            found[name] = _count(live, statement)
    return found


def replace(live: psycopg.Connection[Any]) -> dict[str, int]:
    """Make every live table equal to its shadow, in the caller's transaction; return how many rows changed, by table.

    Rows that are equal are not touched, so readers never see less than one of the two catalogs, and whole.
    """
    changed = {}
    live.execute("SET LOCAL enable_nestloop = off")  # live tables that were emptied may be planned for as empty ones
    for model in projection_models():
        name = model._meta.db_table  # noqa: SLF001
        key = sql.Identifier(str(model._meta.pk.column))  # noqa: SLF001
        parts = {
            "live": sql.Identifier("public", name),
            "shadow": sql.Identifier(SCHEMA, name),
            "columns": _columns(model),
            "live_columns": _columns(model, "l"),
            "shadow_columns": _columns(model, "s"),
            "same_key": sql.SQL("s.{key} = l.{key}").format(key=key),
        }
        deleted = live.execute(sql.SQL(_DELETE).format(**parts)).rowcount
        inserted = live.execute(sql.SQL(_INSERT).format(**parts)).rowcount
        changed[name] = max(deleted, inserted)
    _replace_inbox(live)
    return changed


def _replace_inbox(live: psycopg.Connection[Any]) -> None:
    live.execute("DELETE FROM public.stream_positions WHERE consumer = %s", [CONSUMER])
    live.execute(f"INSERT INTO public.stream_positions SELECT * FROM {SCHEMA}.stream_positions")
    # what waits in both keeps its history
    live.execute(
        f"""DELETE FROM public.parked_events l WHERE l.consumer = %s AND NOT EXISTS (
                SELECT 1 FROM {SCHEMA}.parked_events s WHERE (s.stream_id, s.version) = (l.stream_id, l.version))""",
        [CONSUMER],
    )
    live.execute(f"INSERT INTO public.parked_events SELECT * FROM {SCHEMA}.parked_events ON CONFLICT DO NOTHING")


def _columns(model: type[Projection], alias: str = "") -> sql.Composed:
    names = [field.column for field in model._meta.concrete_fields]  # noqa: SLF001
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names if name)


def _count(live: psycopg.Connection[Any], statement: Any, values: Any = None) -> int:
    row = live.execute(statement, values).fetchone()
    return int(row[0]) if row else 0
