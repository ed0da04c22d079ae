"""What people decided about a dataset: kept as the catalog said it last, and joined with what one run is asked for."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from dataplatform.events.base import ObjectRef, ParseOptions
from dataplatform.events.catalog import SchemaOverridden
from dataplatform.jobs.worker import JobFailedError
from dataplatform.log.postgres import Executor
from dataplatform.storage import ObjectStore

_KEEP = """INSERT INTO dataset_overrides (dataset_id, overrides, overridden_at) VALUES ($1, $2, $3)
           ON CONFLICT (dataset_id) DO UPDATE
           SET overrides = excluded.overrides, overridden_at = excluded.overridden_at"""


async def keep(connection: Executor, overridden: SchemaOverridden) -> None:
    """Write down where a dataset's overrides are from now on; events of a dataset come in their order."""
    reference = overridden.overrides.model_dump(mode="json")
    await connection.execute(_KEEP, overridden.dataset_id, reference, overridden.overridden_at)


async def of_dataset(connection: Executor, store: ObjectStore, dataset: UUID, scratch: Path) -> ParseOptions:
    """Return a dataset's overrides, none where nobody set any.

    Raises the object store's errors, and `JobFailedError` where the document holds no options.
    """
    found: Any = await connection.fetchval("SELECT overrides FROM dataset_overrides WHERE dataset_id = $1", dataset)
    if found is None:
        return ParseOptions()
    reference = ObjectRef.model_validate(found)
    path = scratch / "overrides.json"
    await store.get_file(reference.key, path, sha256=reference.sha256)
    try:
        return ParseOptions.model_validate(json.loads(path.read_bytes()))
    except (ValueError, ValidationError) as error:
        raise JobFailedError("invalid_overrides", "the overrides of the dataset are no options of a parse") from error


def joined(sticky: ParseOptions, asked: ParseOptions) -> ParseOptions:
    """Return a dataset's overrides with what one request asks for: that counts where both say something."""
    known = sticky.model_dump(exclude_defaults=True)
    wanted = asked.model_dump(exclude_defaults=True)
    both = {key: {**known.get(key, {}), **wanted.get(key, {})} for key in ("types", "names")}
    return ParseOptions.model_validate({**known, **wanted, **both})
