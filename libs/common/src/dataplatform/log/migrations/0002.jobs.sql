-- depends: 0001.log

-- The lease table: at most one live lease for a job, and a late finisher hits no row. See "Jobs" in docs/architecture.

CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    queue text NOT NULL,
    dedup_key text NOT NULL,
    payload jsonb NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'failed', 'cancelled')),
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL CHECK (max_attempts > 0),
    fence bigint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz,
    worker text,
    progress jsonb,
    error_code text,
    error_detail text,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    UNIQUE (queue, dedup_key)
);

CREATE INDEX jobs_ready ON jobs (queue, priority DESC, run_at, id) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (queue, lease_until) WHERE state = 'running';

CREATE FUNCTION job_enqueue(p_queue text, p_dedup_key text, p_payload jsonb, p_priority integer, p_max_attempts integer,
                            p_correlation_id uuid, p_causation_id uuid, p_traceparent text) RETURNS uuid
LANGUAGE plpgsql AS $function$
-- Add a job unless its key was ever used in this queue; return its id, or null for a key that is known.
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO jobs (queue, dedup_key, payload, priority, max_attempts, correlation_id, causation_id, traceparent)
    VALUES (p_queue, p_dedup_key, p_payload, p_priority, p_max_attempts, p_correlation_id, p_causation_id, p_traceparent)
    ON CONFLICT (queue, dedup_key) DO NOTHING
    RETURNING id INTO v_id;
    IF v_id IS NOT NULL THEN
        PERFORM pg_notify('job_ready', p_queue);
    END IF;
    RETURN v_id;
END
$function$;

CREATE FUNCTION job_claim(p_queue text, p_worker text, p_lease_seconds double precision) RETURNS SETOF jobs
LANGUAGE sql AS $function$
-- Lease the next ready job: a new attempt under a new fence.
    UPDATE jobs j
    SET state = 'running', attempt = j.attempt + 1, fence = j.fence + 1, worker = p_worker, progress = NULL,
        lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
    FROM (SELECT r.id FROM jobs r
          WHERE r.queue = p_queue AND r.state = 'ready' AND r.run_at <= clock_timestamp()
          ORDER BY r.priority DESC, r.run_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
    WHERE j.id = next.id
    RETURNING j.*
$function$;

CREATE FUNCTION job_next_seconds(p_queue text) RETURNS double precision
LANGUAGE sql AS $function$
-- Seconds until the next job of a queue is due (not above zero: one is due now); null when none waits.
    SELECT extract(epoch FROM min(run_at) - clock_timestamp()) FROM jobs WHERE queue = p_queue AND state = 'ready'
$function$;

CREATE FUNCTION job_beat(p_id uuid, p_fence bigint, p_lease_seconds double precision, p_progress jsonb) RETURNS boolean
LANGUAGE sql AS $function$
-- Extend a lease; null when it is lost.
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
                    progress = coalesce(p_progress, progress)
    WHERE id = p_id AND fence = p_fence AND state = 'running'
    RETURNING true
$function$;

CREATE FUNCTION job_complete(p_id uuid, p_fence bigint) RETURNS boolean
LANGUAGE sql AS $function$
-- Finish a job; null when the lease is lost: the caller rolls back.
    UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = clock_timestamp(), error_code = NULL,
                    error_detail = NULL
    WHERE id = p_id AND fence = p_fence AND state = 'running'
    RETURNING true
$function$;

CREATE FUNCTION job_fail(p_id uuid, p_fence bigint, p_code text, p_detail text) RETURNS boolean
LANGUAGE sql AS $function$
-- End a job that no further attempt would save; null when the lease is lost.
    UPDATE jobs SET state = 'failed', lease_until = NULL, finished_at = clock_timestamp(), error_code = p_code,
                    error_detail = p_detail
    WHERE id = p_id AND fence = p_fence AND state = 'running'
    RETURNING true
$function$;

CREATE FUNCTION job_retry(p_id uuid, p_fence bigint, p_delay_seconds double precision, p_code text, p_detail text)
RETURNS boolean
LANGUAGE sql AS $function$
-- Give a job back for a later attempt; null when the lease is lost or this was the last attempt.
    UPDATE jobs SET state = 'ready', lease_until = NULL, worker = NULL, error_code = p_code, error_detail = p_detail,
                    run_at = clock_timestamp() + make_interval(secs => p_delay_seconds)
    WHERE id = p_id AND fence = p_fence AND state = 'running' AND attempt < max_attempts
    RETURNING true
$function$;

CREATE FUNCTION job_release(p_id uuid, p_fence bigint, p_delay_seconds double precision) RETURNS boolean
LANGUAGE plpgsql AS $function$
-- Give a job back without counting the attempt: the job did nothing wrong, its worker or the world did.
DECLARE
    v_queue text;
BEGIN
    UPDATE jobs SET state = 'ready', lease_until = NULL, worker = NULL, attempt = attempt - 1,
                    run_at = clock_timestamp() + make_interval(secs => p_delay_seconds)
    WHERE id = p_id AND fence = p_fence AND state = 'running'
    RETURNING queue INTO v_queue;
    IF v_queue IS NOT NULL THEN
        PERFORM pg_notify('job_ready', v_queue);
    END IF;
    RETURN v_queue IS NOT NULL;
END
$function$;

CREATE FUNCTION job_reap(p_queue text, p_code text, p_detail text) RETURNS SETOF jobs
LANGUAGE plpgsql AS $function$
-- Make expired leases ready again, or failed at their last attempt; return the failed ones, whose events the caller
-- appends in this same transaction.
BEGIN
    IF EXISTS (SELECT 1 FROM jobs WHERE queue = p_queue AND state = 'running' AND lease_until < clock_timestamp()) THEN
        UPDATE jobs j SET state = 'ready', lease_until = NULL, worker = NULL, error_code = p_code, error_detail = p_detail,
                          run_at = clock_timestamp()
        FROM (SELECT e.id FROM jobs e
              WHERE e.queue = p_queue AND e.state = 'running' AND e.lease_until < clock_timestamp()
                AND e.attempt < e.max_attempts FOR UPDATE SKIP LOCKED) AS expired
        WHERE j.id = expired.id;
        PERFORM pg_notify('job_ready', p_queue);
        RETURN QUERY
        UPDATE jobs j SET state = 'failed', lease_until = NULL, finished_at = clock_timestamp(), error_code = p_code,
                          error_detail = p_detail
        FROM (SELECT e.id FROM jobs e
              WHERE e.queue = p_queue AND e.state = 'running' AND e.lease_until < clock_timestamp()
                AND e.attempt >= e.max_attempts FOR UPDATE SKIP LOCKED) AS exhausted
        WHERE j.id = exhausted.id
        RETURNING j.*;
    END IF;
END
$function$;

CREATE FUNCTION job_cancel(p_queue text, p_dedup_key text, p_code text) RETURNS boolean
LANGUAGE sql AS $function$
-- Take back a job that has not ended; a running attempt finds its lease lost.
    UPDATE jobs SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp(), error_code = p_code
    WHERE queue = p_queue AND dedup_key = p_dedup_key AND state IN ('ready', 'running')
    RETURNING true
$function$;

CREATE FUNCTION job_purge(p_older_than interval) RETURNS bigint
LANGUAGE sql AS $function$
-- Forget ended jobs. Keep them longer than Kafka could deliver their cause again before offsets are committed.
    WITH gone AS (
        DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND finished_at < clock_timestamp() - p_older_than
        RETURNING 1
    ) SELECT count(*) FROM gone
$function$;
