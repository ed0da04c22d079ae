-- depends: 0110.tus-uploads 0120.limits

-- Where every upload is. Rows of uploads and runs hold what was heard, each column from one source, so that the order in
-- which topics are read does not matter; what a person is shown is a pure function of them, kept as numbered changes.

CREATE TABLE upload_progress (
    upload_id uuid PRIMARY KEY,
    institution text NOT NULL,
    dataset text NOT NULL,
    file_name text NOT NULL,
    uploaded_by uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('receiving', 'received', 'rejected', 'withdrawn', 'unchanged', 'abandoned')),
    received_bytes bigint NOT NULL,
    size_bytes bigint,
    reason_code text,
    detail text,
    result_id uuid,
    stalled jsonb,
    began_at timestamptz NOT NULL,
    stage text NOT NULL DEFAULT 'receiving',
    final boolean NOT NULL DEFAULT false,
    change integer NOT NULL DEFAULT 0,
    snapshot jsonb,
    heard_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX upload_progress_list ON upload_progress (institution, began_at DESC, upload_id DESC);
CREATE INDEX upload_progress_of_dataset ON upload_progress (institution, dataset, began_at DESC, upload_id DESC);
CREATE INDEX upload_progress_unended ON upload_progress (heard_at)
    WHERE stage IN ('stored', 'parsing', 'assessing', 'publishing');

CREATE TABLE run_progress (
    run_id uuid PRIMARY KEY,
    upload_id uuid,
    request_id uuid,
    requested_at timestamptz,
    started_at timestamptz,
    handler text,
    handler_version text,
    completed_at timestamptz,
    row_count bigint,
    table_count integer,
    tables jsonb,
    failed_at timestamptz,
    reason_code text,
    detail text,
    assessed_at timestamptz,
    assessment_failed_at timestamptz,
    assessment_reason text,
    assessment_detail text,
    published_at timestamptz,
    number integer,
    version_withdrawn_at timestamptz,
    beat jsonb,
    beat_at timestamptz
);

CREATE INDEX run_progress_of_upload ON run_progress (upload_id);
CREATE INDEX run_progress_of_request ON run_progress (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE upload_changes (
    upload_id uuid NOT NULL REFERENCES upload_progress ON DELETE CASCADE,
    change integer NOT NULL,
    passing boolean NOT NULL,
    snapshot jsonb NOT NULL,
    PRIMARY KEY (upload_id, change)
);

COMMENT ON COLUMN upload_changes.passing IS 'Progress inside a stage: gone when anything follows it';

CREATE FUNCTION progress_write(p_snapshots jsonb) RETURNS void
LANGUAGE plpgsql AS $function$
-- Number what is new about uploads whose rows the caller has locked, and wake who listens.
DECLARE
    v_snapshot jsonb;
    v_upload uuid;
    v_change integer;
    v_before record;
BEGIN
    FOR v_snapshot IN SELECT s FROM jsonb_array_elements(p_snapshots) AS s ORDER BY s ->> 'upload_id' LOOP
        v_upload := (v_snapshot ->> 'upload_id')::uuid;
        SELECT p.stage, p.snapshot, p.change INTO v_before FROM upload_progress p WHERE p.upload_id = v_upload FOR UPDATE;
        CONTINUE WHEN NOT FOUND OR v_before.snapshot = v_snapshot;
        UPDATE upload_progress p
        SET change = p.change + 1, snapshot = v_snapshot, stage = v_snapshot ->> 'stage',
            final = (v_snapshot ->> 'final')::boolean, heard_at = clock_timestamp()
        WHERE p.upload_id = v_upload RETURNING p.change INTO v_change;
        DELETE FROM upload_changes c WHERE c.upload_id = v_upload AND c.passing;
        INSERT INTO upload_changes (upload_id, change, passing, snapshot)
        VALUES (v_upload, v_change, v_before.change > 0 AND v_before.stage = v_snapshot ->> 'stage'
                                    AND NOT (v_snapshot ->> 'final')::boolean, v_snapshot);
        PERFORM pg_notify('upload_changed', v_upload::text);
    END LOOP;
END
$function$;

CREATE FUNCTION progress_of_tus() RETURNS trigger
LANGUAGE plpgsql AS $function$
-- Resumable uploads under way say in their own table how far they are. Ends that make an upload are told where that
-- upload is written down; partial uploads of a concatenation are none.
DECLARE
    v_state text := CASE
        WHEN NEW.state IN ('receiving', 'stored') THEN 'receiving'
        WHEN NEW.state IN ('terminated', 'expired') THEN 'abandoned'
        WHEN NEW.state = 'unchanged' OR (NEW.state = 'received' AND NEW.result_id <> NEW.upload_id) THEN 'unchanged'
    END;
    v_stage text := CASE v_state WHEN 'abandoned' THEN 'failed' ELSE v_state END;
    v_reason jsonb := CASE WHEN v_state = 'abandoned'
        THEN jsonb_build_object('code', 'upload_' || NEW.state, 'detail', '') END;
BEGIN
    IF v_state IS NULL OR NEW.concat LIKE 'partial%' THEN
        RETURN NULL;
    END IF;
    INSERT INTO upload_progress (upload_id, institution, dataset, file_name, uploaded_by, state, received_bytes,
                                 size_bytes, reason_code, result_id, began_at)
    VALUES (NEW.upload_id, NEW.institution, NEW.dataset, NEW.file_name, NEW.principal, v_state, NEW.offset_bytes,
            NEW.length_bytes, v_reason ->> 'code', NEW.result_id, NEW.created_at)
    ON CONFLICT (upload_id) DO UPDATE
    SET state = excluded.state, received_bytes = excluded.received_bytes, size_bytes = excluded.size_bytes,
        reason_code = excluded.reason_code, result_id = excluded.result_id
    WHERE upload_progress.state IN ('receiving', 'abandoned');
    PERFORM progress_write(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'upload_id', NEW.upload_id, 'stage', v_stage, 'final', v_state <> 'receiving',
        'received_bytes', NEW.offset_bytes, 'size_bytes', NEW.length_bytes, 'reason', v_reason,
        'result_id', CASE WHEN v_state = 'unchanged' THEN NEW.result_id END, 'at', NEW.updated_at))));
    RETURN NULL;
END
$function$;

CREATE TRIGGER tus_uploads_progress AFTER INSERT OR UPDATE OF state, offset_bytes, length_bytes ON tus_uploads
    FOR EACH ROW EXECUTE FUNCTION progress_of_tus();

-- What was written down before there was progress.
INSERT INTO upload_progress (upload_id, institution, dataset, file_name, uploaded_by, state, received_bytes, size_bytes,
                             reason_code, detail, began_at, stage, final, change, snapshot)
SELECT first.upload_id, first.data ->> 'institution', first.data ->> 'dataset', first.data ->> 'file_name',
       (first.data ->> 'uploaded_by')::uuid, first.state, first.size_bytes, first.size_bytes, first.reason_code,
       first.data ->> 'detail', first.at, first.stage, first.stage <> 'stored', 1,
       jsonb_strip_nulls(jsonb_build_object(
           'upload_id', first.upload_id, 'stage', first.stage, 'final', first.stage <> 'stored', 'received_bytes',
           first.size_bytes, 'size_bytes', first.size_bytes, 'at', first.at, 'reason',
           CASE WHEN first.reason_code IS NOT NULL
                THEN jsonb_build_object('code', first.reason_code, 'detail', coalesce(first.data ->> 'detail', '')) END))
FROM (
    SELECT (e.data ->> 'upload_id')::uuid AS upload_id, e.data, e.time AS at,
           coalesce(e.data -> 'original' ->> 'size_bytes', e.data ->> 'size_bytes')::bigint AS size_bytes,
           CASE WHEN e.type = 'upload.rejected.v1' THEN 'rejected' WHEN w.data IS NOT NULL THEN 'withdrawn'
                ELSE 'received' END AS state,
           CASE WHEN e.type = 'upload.rejected.v1' THEN 'rejected' WHEN w.data IS NOT NULL THEN 'withdrawn'
                ELSE 'stored' END AS stage,
           coalesce(w.data ->> 'reason_code', e.data ->> 'reason_code') AS reason_code
    FROM events e
    LEFT JOIN events w ON w.stream_id = e.stream_id AND w.type = 'upload.withdrawn.v1'
    WHERE e.type IN ('upload.received.v1', 'upload.rejected.v1')
) AS first;

INSERT INTO upload_changes (upload_id, change, passing, snapshot)
SELECT upload_id, change, false, snapshot FROM upload_progress;
