"""Which contract holds for a dataset: kept from the catalog's events, asked for when a version is assessed.

The caller owns the connection and its transaction. The document itself is in object storage.
"""

from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import ObjectRef
from dataplatform.events.catalog import ContractDefined

_HOLD: Final = """
INSERT INTO contracts (dataset_id, contract, defined_at) VALUES ($1, $2, $3)
ON CONFLICT (dataset_id) DO UPDATE SET contract = excluded.contract, defined_at = excluded.defined_at
"""


async def hold(connection: Any, event: ContractDefined) -> None:
    """Keep that a contract holds from now on; events of a dataset come in their order."""
    await connection.execute(_HOLD, event.dataset_id, event.contract.model_dump(mode="json"), event.defined_at)


async def held(connection: Any, dataset_id: UUID) -> ObjectRef | None:
    """Return where the contract of a dataset is, None where it has none."""
    found = await connection.fetchval("SELECT contract FROM contracts WHERE dataset_id = $1", dataset_id)
    return None if found is None else ObjectRef.model_validate(found)
