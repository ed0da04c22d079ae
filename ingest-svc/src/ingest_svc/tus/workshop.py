"""What every part of `tus` works with, and the bounds on memory that all uploads of a process share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from dataplatform.storage import MIN_PART_BYTES, ObjectStore
from ingest_svc.domain import Destination
from ingest_svc.transactions import Transactions
from ingest_svc.tus.ledger import TusUpload

PART_BYTES: Final = 8 << 20
PARTS_IN_FLIGHT: Final = 6
"""Of all uploads of a process together; one upload has at most `PARTS_PER_UPLOAD` of them."""
PARTS_PER_UPLOAD: Final = 3
BUFFERED_BYTES: Final = 64 << 20
"""What all uploads of a process may hold of parts that are not full yet; beyond it they put away what they have."""


@dataclass(slots=True)
class Buffers:
    """How many bytes of unfinished parts a process holds."""

    limit_bytes: int = BUFFERED_BYTES
    held_bytes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether whoever holds bytes should put them away."""
        return self.held_bytes > self.limit_bytes


@dataclass(frozen=True, slots=True)
class Workshop:
    """The store, the database, the clock and the limits. `lifetime` is how long an upload waits to be gone on with."""

    store: ObjectStore
    transactions: Transactions
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    lifetime: timedelta
    max_bytes: int
    part_bytes: int = PART_BYTES
    min_part_bytes: int = MIN_PART_BYTES
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARTS_IN_FLIGHT))
    buffers: Buffers = field(default_factory=Buffers)

    def expiry(self) -> datetime:
        """Return until when an upload that something happened to just now is kept."""
        return self.now() + self.lifetime


INCOMING: Final = "incoming/"
"""Objects of uploads under way; nothing outside this package reads them."""


def tail_key(upload_id: UUID, first_byte: int, fence: int) -> str:
    """Return where bytes too few for a part are kept: no two writers use the same key."""
    return f"{INCOMING}{upload_id}/{first_byte:015}-{fence}"


def object_key(upload: TusUpload) -> str:
    """Return where an upload becomes an object: a partial one waits among those under way."""
    if upload.is_partial:
        return f"{INCOMING}{upload.upload_id}/whole"
    return Destination(upload.upload_id, upload.institution, upload.dataset).object_key
