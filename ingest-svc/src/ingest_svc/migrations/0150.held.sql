-- depends: 0140.processing-requests

-- A version that waits for a steward: from `version.held`, until it is published or its upload is withdrawn.
ALTER TABLE run_progress ADD COLUMN held_at timestamptz, ADD COLUMN held_reason text;
