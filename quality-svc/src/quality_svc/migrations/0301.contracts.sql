-- depends: 0001.log

-- The contract that holds for each dataset, as the catalog said last: where its document is.
CREATE TABLE contracts (
    dataset_id uuid PRIMARY KEY,
    contract jsonb NOT NULL,
    defined_at timestamptz NOT NULL
);
