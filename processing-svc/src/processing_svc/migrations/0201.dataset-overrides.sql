-- depends: 0001.log

-- What people decided about the columns of a dataset, as the catalog said last: a copy of its events, which every run of
-- the dataset reads when it starts.

CREATE TABLE dataset_overrides (
    dataset_id uuid PRIMARY KEY,
    overrides jsonb NOT NULL,
    overridden_at timestamptz NOT NULL
);

COMMENT ON COLUMN dataset_overrides.overrides IS 'Reference to the document: key, sha256, size_bytes';
