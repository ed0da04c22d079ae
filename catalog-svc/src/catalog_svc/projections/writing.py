"""How the catalog writes: its own events are appended and projected in one transaction, so people read what they wrote.

The copy that comes back from Kafka is a duplicate then, and the inbox drops it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from catalog_svc.projections import apply, policy, search
from catalog_svc.settings import SERVICE
from catalog_svc.webhooks.enqueueing import enqueue
from dataplatform.events.base import Event
from dataplatform.log import cursor as log
from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Context, Envelope

React = Callable[[Cursor, Sequence[Envelope]], None]
"""Does what follows from applied events, in their transaction."""


def reaction(storage: policy.Storage, clock: Callable[[], datetime]) -> React:
    """Return what a live catalog does after events: policies, then search documents."""

    def live(cursor: Cursor, envelopes: Sequence[Envelope]) -> None:
        react(cursor, envelopes, now=clock(), storage=storage)

    return live


def append(cursor: Cursor, events: Sequence[Event], *, now: datetime, context: Context) -> list[Envelope]:
    """Append events of one stream and project them; search documents are the caller's to refresh.

    The caller holds the locks of `locks.lock`. Raises `VersionConflictError` only where it does not.
    """
    expected = log.version_of(cursor, events[0].stream)
    envelopes = log.append(cursor, expected, events, service=SERVICE, now=now, context=context)
    waves = log.admit(cursor, apply.CONSUMER, envelopes)
    apply.apply_waves(cursor, waves)
    enqueue(cursor, [envelope for wave in waves for envelope in wave])
    return envelopes


def react(cursor: Cursor, envelopes: Sequence[Envelope], *, now: datetime, storage: policy.Storage) -> None:
    """Do what follows from applied events: policies, search documents of what they touched, webhooks."""
    datasets = apply.datasets_of(envelopes)
    if datasets:
        follow(cursor, datasets, envelopes, now=now, storage=storage)
    if institutions := apply.institutions_of(envelopes):
        refresh(cursor, (), institutions)
    enqueue(cursor, envelopes)


def follow(
    cursor: Cursor,
    datasets: Collection[UUID],
    envelopes: Sequence[Envelope] = (),
    *,
    now: datetime,
    storage: policy.Storage,
) -> None:
    """Run the policies for datasets whose locks the caller holds; `envelopes` are what may have caused it."""
    causes = policy.Causes(apply.CONSUMER, envelopes)
    _append_all(cursor, policy.register(cursor, datasets, causes, now), now)
    _append_all(cursor, policy.publish(cursor, datasets, causes, now, storage), now)
    _append_all(cursor, policy.hold(cursor, datasets, causes, now), now)
    _append_all(cursor, policy.withdraw(cursor, datasets, causes, now), now)
    _append_all(cursor, policy.erase(cursor, datasets, causes, now), now)
    refresh(cursor, datasets, ())


def refresh(cursor: Cursor, datasets: Collection[UUID], institutions: Collection[UUID]) -> None:
    """Make the search documents again, of these datasets and of all datasets of these institutions."""
    search.refresh(cursor, datasets, institutions)


def _append_all(cursor: Cursor, decisions: Sequence[policy.Decision], now: datetime) -> None:
    for decision in decisions:
        append(cursor, decision.events, now=now, context=decision.context)
