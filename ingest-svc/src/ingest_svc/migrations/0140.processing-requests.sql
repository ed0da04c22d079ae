-- depends: 0130.progress

-- What someone asked to be processed again. The runs that come of it are rows of `run_progress`.
CREATE TABLE processing_requests (
    request_id uuid PRIMARY KEY,
    institution text NOT NULL,
    dataset text NOT NULL,
    upload_id uuid,
    options jsonb NOT NULL,
    handler_version text,
    skipped integer NOT NULL,
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    cancelled_by uuid,
    cancelled_at timestamptz,
    idempotency_key text,
    fingerprint text NOT NULL
);

COMMENT ON COLUMN processing_requests.upload_id IS 'Null: all current uploads of the dataset';
COMMENT ON COLUMN processing_requests.skipped IS 'Uploads that the wanted version of the handler had processed already';

CREATE UNIQUE INDEX processing_requests_by_key ON processing_requests (requested_by, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX processing_requests_list ON processing_requests (institution, requested_at DESC, request_id DESC);
CREATE INDEX upload_progress_received ON upload_progress (institution, dataset) WHERE state = 'received';
