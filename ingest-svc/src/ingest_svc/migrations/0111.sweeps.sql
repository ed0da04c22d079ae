-- depends: 0110.tus-uploads

CREATE TABLE sweeps (
    began_at timestamptz PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    removed jsonb NOT NULL
);

COMMENT ON TABLE sweeps IS 'What each sweep removed, by kind';
