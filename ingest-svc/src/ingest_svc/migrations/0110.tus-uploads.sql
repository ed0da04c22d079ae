-- depends: 0101.idempotency-keys

-- Resumable uploads under way. `offset_bytes` are safe: in parts of the object store's multipart upload, then in tails
-- (objects too small for a part). Whoever writes holds a lease and a fence: nothing is written down without the fence.
CREATE TABLE tus_uploads (
    upload_id uuid PRIMARY KEY,
    principal uuid NOT NULL,
    institution text NOT NULL,
    dataset text NOT NULL,
    file_name text NOT NULL,
    metadata text,
    concat text,
    forced boolean NOT NULL,
    idempotency_key text,
    correlation_id uuid NOT NULL,
    traceparent text,
    state text NOT NULL DEFAULT 'receiving'
        CHECK (state IN ('receiving', 'stored', 'received', 'rejected', 'unchanged', 'terminated', 'expired')),
    length_bytes bigint CHECK (length_bytes >= 0),
    offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0),
    object_key text,
    multipart_id text,
    numbers_used integer NOT NULL DEFAULT 0,
    digest bytea,
    observation bytea,
    sha256 text,
    result_id uuid,
    refusal_code text,
    refusal_detail text,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

COMMENT ON COLUMN tus_uploads.metadata IS 'Upload-Metadata as sent: data, given back, never used as a path';
COMMENT ON COLUMN tus_uploads.numbers_used IS 'Part numbers up to this were given to some writer; none is given twice';
COMMENT ON COLUMN tus_uploads.digest IS 'SHA-256 state after the bytes in parts; null: not known, read them again';
COMMENT ON COLUMN tus_uploads.observation IS 'What is noted of the format after the bytes in parts';
COMMENT ON COLUMN tus_uploads.result_id IS 'The upload that came of it: itself, or the earlier one it repeats';

CREATE UNIQUE INDEX tus_uploads_by_key ON tus_uploads (principal, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tus_uploads_by_expiry ON tus_uploads (state, expires_at);

CREATE TABLE tus_parts (
    upload_id uuid NOT NULL REFERENCES tus_uploads ON DELETE CASCADE,
    number integer NOT NULL,
    size_bytes bigint NOT NULL,
    etag text NOT NULL,
    checksum text NOT NULL,
    PRIMARY KEY (upload_id, number)
);

CREATE TABLE tus_tails (
    upload_id uuid NOT NULL REFERENCES tus_uploads ON DELETE CASCADE,
    first_byte bigint NOT NULL,
    size_bytes bigint NOT NULL,
    object_key text NOT NULL,
    PRIMARY KEY (upload_id, first_byte)
);

-- What a dataset has now is its last upload that was not taken back: the same bytes again are no news.
CREATE INDEX events_received_by_dataset ON events (key, position DESC) WHERE type = 'upload.received.v1';

ALTER TABLE idempotency_keys ADD COLUMN unchanged boolean NOT NULL DEFAULT false;
