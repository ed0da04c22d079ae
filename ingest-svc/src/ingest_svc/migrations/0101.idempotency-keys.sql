-- What a client's Idempotency-Key stood for, so that a retry after a lost reply finds the upload it already made.
CREATE TABLE idempotency_keys (
    principal uuid NOT NULL,
    key text NOT NULL,
    institution text NOT NULL,
    dataset text NOT NULL,
    sha256 text NOT NULL,
    upload_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
