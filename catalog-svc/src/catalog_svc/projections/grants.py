"""Events of `catalog.datasets.v1` to the table `grants`. Nothing else writes it."""

from typing import Final

from dataplatform.events.catalog import AccessGranted, AccessRevoked, GroupAccessGranted, GroupAccessRevoked


def _key(kind: str) -> str:
    return f"md5(concat(e.dataset_id, ':{kind}:', e.{kind}_id))::uuid"


def _granted(kind: str, other: str) -> str:
    return f"""
INSERT INTO grants (grant_id, dataset_id, {kind}_id, {other}_id, role, granted_at, granted_by, expires_at)
SELECT {_key(kind)}, e.dataset_id, e.{kind}_id, NULL, e.role, e.granted_at, e.granted_by, e.expires_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    dataset_id uuid, {kind}_id uuid, role text, granted_at timestamptz, granted_by uuid, expires_at timestamptz)
ON CONFLICT (grant_id) DO UPDATE
SET role = excluded.role, granted_at = excluded.granted_at, granted_by = excluded.granted_by,
    expires_at = excluded.expires_at
"""


def _revoked(kind: str) -> str:
    return f"""
DELETE FROM grants g
USING jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, {kind}_id uuid)
WHERE g.grant_id = {_key(kind)}
"""


STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    AccessGranted.type: (_granted("account", "group"),),
    AccessRevoked.type: (_revoked("account"),),
    GroupAccessGranted.type: (_granted("group", "account"),),
    GroupAccessRevoked.type: (_revoked("group"),),
}
