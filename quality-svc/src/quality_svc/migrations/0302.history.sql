-- depends: 0301.contracts

-- What the log says of a dataset beside its contract, for measures that the table alone cannot answer.

-- When each upload of a dataset first came out of processing: the pauses between its versions.
CREATE TABLE arrivals (
    dataset_id uuid NOT NULL,
    upload_id uuid NOT NULL,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (dataset_id, upload_id)
);

-- How often a dataset is updated, as its steward declared: a code of the EU's frequency table.
CREATE TABLE frequencies (
    dataset_id uuid PRIMARY KEY,
    update_frequency text NOT NULL
);

-- Where the tables of published versions are, for the references that contracts make to other datasets.
CREATE TABLE published (
    version_id uuid PRIMARY KEY,
    institution text NOT NULL,
    dataset text NOT NULL,
    number int NOT NULL,
    tables jsonb NOT NULL
);
CREATE INDEX published_newest ON published (institution, dataset, number DESC);

-- Versions that are served no more, for now or for ever: nothing is compared with them, nothing refers to them.
CREATE TABLE withdrawn (
    version_id uuid PRIMARY KEY
);

-- The newest version of each dataset that was held against its contract: alerts follow that one.
CREATE TABLE judged (
    dataset_id uuid PRIMARY KEY,
    made_at timestamptz NOT NULL
);
