"""What people do to datasets: describe them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from catalog_svc.projections import locks, writing
from dataplatform.events.catalog import DatasetRevised
from dataplatform.log.envelope import Context


@transaction.atomic
def revise(dataset_id: UUID, changes: Mapping[str, Any], *, now: datetime, correlation_id: UUID) -> None:
    """Change the description of a dataset; `changes` has fields of `dataset.revised.v1`, absent ones stay.

    The caller has found the dataset visible, and its principal allowed to.
    """
    event = DatasetRevised(dataset_id=dataset_id, revised_at=now, **changes)
    with connection.cursor() as cursor:
        locks.lock(cursor, [dataset_id])
        writing.append(cursor, [event], now=now, context=Context.begin(correlation_id))
        writing.refresh(cursor, {dataset_id}, ())
