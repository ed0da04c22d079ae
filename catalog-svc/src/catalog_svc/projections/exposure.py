"""Events of `catalog.datasets.v1` to `once_public`: datasets that harvesters may know and must be told are gone.

Its statement belongs to the same topic as those of `catalog_datasets`, which runs it before it changes `datasets`.
"""

from typing import Final

NARROWED: Final = """
INSERT INTO once_public (dataset_id, hidden_at)
SELECT d.dataset_id, e.revised_at
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, visibility text, revised_at timestamptz)
JOIN datasets d ON d.dataset_id = e.dataset_id
WHERE d.visibility = 'public' AND e.visibility <> 'public'
ON CONFLICT (dataset_id) DO UPDATE SET hidden_at = excluded.hidden_at
"""
