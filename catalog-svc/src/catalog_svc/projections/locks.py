"""One order in which everybody who writes the catalog takes locks, so that nobody deadlocks and no update is lost.

Two members may hold events of one dataset from two topics. Search documents and policies read what the other writes, so
all work on a dataset is one after the other: an advisory lock on each dataset, taken in sorted order before any row.
"""

from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope

INSTITUTIONS: Final = 0x636174616C6F67
"""Held shared by whoever reads institutions for a search document, exclusively by whoever changes one."""

_KEY_BITS: Final = 62


def lock(cursor: Cursor, datasets: Collection[UUID], *, institutions: bool = False) -> None:
    """Take the locks of these datasets until the transaction ends; `institutions`: one of those is changed too."""
    shared = "" if institutions else "_shared"
    cursor.execute(f"SELECT pg_advisory_xact_lock{shared}(%s)", (INSTITUTIONS,))
    # two datasets with one key wait for each other needlessly; nothing worse
    keys = sorted({dataset.int >> (128 - _KEY_BITS) for dataset in datasets} - {INSTITUTIONS})
    if keys:
        cursor.execute("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) AS u (k)", (keys,))


def datasets_named(envelopes: Iterable[Envelope]) -> set[UUID]:
    """Return the datasets that envelopes name, before anybody knows whether their bodies are right."""
    found = set()
    for envelope in envelopes:
        try:
            found.add(UUID(str(envelope.data.get("dataset_id") or envelope.key)))
        except ValueError:
            continue  # it will fail, and be parked, when it is applied
    return found
