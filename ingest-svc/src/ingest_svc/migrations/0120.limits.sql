-- depends: 0101.idempotency-keys

-- What an institution and an account may use. The rules are functions, so that one round trip asks and takes.

CREATE TABLE institution_limits (
    institution text PRIMARY KEY,
    max_upload_bytes bigint CHECK (max_upload_bytes > 0),
    bytes_stored bigint CHECK (bytes_stored >= 0),
    bytes_per_day bigint CHECK (bytes_per_day >= 0),
    uploads_in_flight integer CHECK (uploads_in_flight >= 0),
    set_by uuid NOT NULL,
    set_at timestamptz NOT NULL
);

COMMENT ON TABLE institution_limits IS 'Limits that differ from the settings; null: as the settings say';

CREATE TABLE institution_usage (
    institution text PRIMARY KEY,
    bytes_stored bigint NOT NULL DEFAULT 0,
    day date NOT NULL,
    bytes_today bigint NOT NULL DEFAULT 0
);

CREATE TABLE admissions (
    upload_id uuid PRIMARY KEY,
    institution text NOT NULL,
    principal uuid NOT NULL,
    reserved_bytes bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX admissions_by_institution ON admissions (institution, expires_at);

COMMENT ON TABLE admissions IS 'Uploads in flight: admitted, not yet written down, and the bytes that are held for them';

INSERT INTO institution_usage (institution, bytes_stored, day)
SELECT e.data ->> 'institution', sum((e.data -> 'original' ->> 'size_bytes')::bigint),
       (clock_timestamp() AT TIME ZONE 'UTC')::date
FROM events e
WHERE e.type = 'upload.received.v1'
  AND NOT EXISTS (SELECT 1 FROM events w WHERE w.stream_id = e.stream_id AND w.type = 'upload.withdrawn.v1')
GROUP BY 1;

-- Rates are worth nothing after a crash, so nothing waits for the disk.
CREATE UNLOGGED TABLE rate_states (
    principal uuid NOT NULL,
    policy text NOT NULL,
    full_at timestamptz NOT NULL,
    PRIMARY KEY (principal, policy)
);

CREATE FUNCTION rate_take(p_principal uuid, p_policy text, p_quota integer, p_window_seconds double precision)
RETURNS TABLE (allowed boolean, remaining integer, reset_seconds double precision, retry_seconds double precision)
LANGUAGE plpgsql AS $function$
-- Take one request from a principal's quota, which refills evenly over the window (the generic cell rate algorithm):
-- `full_at` is when the quota will be whole again.
DECLARE
    v_now timestamptz := clock_timestamp();
    v_each interval := make_interval(secs => p_window_seconds / p_quota);
    v_window interval := make_interval(secs => p_window_seconds);
    v_full_at timestamptz;
BEGIN
    INSERT INTO rate_states AS s (principal, policy, full_at) VALUES (p_principal, p_policy, v_now + v_each)
    ON CONFLICT (principal, policy) DO UPDATE SET full_at = greatest(s.full_at, v_now) + v_each
    WHERE greatest(s.full_at, v_now) + v_each <= v_now + v_window
    RETURNING s.full_at INTO v_full_at;
    allowed := v_full_at IS NOT NULL;
    IF NOT allowed THEN
        SELECT s.full_at INTO v_full_at FROM rate_states s WHERE s.principal = p_principal AND s.policy = p_policy;
    END IF;
    reset_seconds := greatest(0, extract(epoch FROM v_full_at - v_now));
    remaining := greatest(0, floor((p_window_seconds - reset_seconds) / p_window_seconds * p_quota + 1e-6));
    retry_seconds := CASE WHEN allowed THEN 0 ELSE greatest(0, extract(epoch FROM v_full_at + v_each - v_window - v_now)) END;
    RETURN NEXT;
END
$function$;

CREATE FUNCTION quota_admit(p_institution text, p_principal uuid, p_upload uuid, p_bytes bigint,
                            p_hold_seconds double precision, p_max_upload_bytes bigint, p_bytes_stored bigint,
                            p_bytes_per_day bigint, p_uploads_in_flight bigint)
RETURNS TABLE (refused text, max_upload_bytes bigint, bytes_stored bigint, bytes_per_day bigint,
               uploads_in_flight bigint, used_stored bigint, used_today bigint, used_in_flight bigint,
               seconds_to_midnight double precision)
LANGUAGE plpgsql AS $function$
-- Hold p_bytes for an upload, unless a limit of its institution is in the way; `refused` names the limit. Asked again
-- for the same upload it holds what is new. The limits given are the settings'; the institution's own win.
#variable_conflict use_column
DECLARE
    v_today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    v_reserved bigint;
BEGIN
    -- What is held is held for minutes, and worth nothing after a crash of the server.
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO institution_usage (institution, day) VALUES (p_institution, v_today) ON CONFLICT DO NOTHING;
    SELECT u.bytes_stored, CASE WHEN u.day = v_today THEN u.bytes_today ELSE 0 END INTO used_stored, used_today
    FROM institution_usage u WHERE u.institution = p_institution FOR UPDATE;
    SELECT count(*), coalesce(sum(a.reserved_bytes), 0) INTO used_in_flight, v_reserved
    FROM admissions a
    WHERE a.institution = p_institution AND a.expires_at > clock_timestamp() AND a.upload_id <> p_upload;
    used_stored := used_stored + v_reserved;
    used_today := used_today + v_reserved;
    SELECT coalesce(l.max_upload_bytes, p_max_upload_bytes), coalesce(l.bytes_stored, p_bytes_stored),
           coalesce(l.bytes_per_day, p_bytes_per_day), coalesce(l.uploads_in_flight, p_uploads_in_flight)
    INTO max_upload_bytes, bytes_stored, bytes_per_day, uploads_in_flight
    FROM (SELECT 1) AS one LEFT JOIN institution_limits l ON l.institution = p_institution;
    seconds_to_midnight := extract(epoch FROM ((v_today + 1)::timestamp AT TIME ZONE 'UTC') - clock_timestamp());
    refused := CASE
        WHEN coalesce(p_bytes, 0) > max_upload_bytes THEN 'max_upload_bytes'
        WHEN used_in_flight >= uploads_in_flight THEN 'uploads_in_flight'
        WHEN used_stored + coalesce(p_bytes, 1) > bytes_stored THEN 'bytes_stored'
        WHEN used_today + coalesce(p_bytes, 1) > bytes_per_day THEN 'bytes_per_day'
    END;
    IF refused IS NULL THEN
        INSERT INTO admissions (upload_id, institution, principal, reserved_bytes, expires_at)
        VALUES (p_upload, p_institution, p_principal, coalesce(p_bytes, 0),
                clock_timestamp() + make_interval(secs => p_hold_seconds))
        ON CONFLICT (upload_id) DO UPDATE
        SET reserved_bytes = greatest(admissions.reserved_bytes, excluded.reserved_bytes),
            expires_at = excluded.expires_at;
    END IF;
    RETURN NEXT;
END
$function$;

CREATE FUNCTION quota_settle(p_institution text, p_upload uuid, p_bytes bigint, p_kept boolean) RETURNS void
LANGUAGE plpgsql AS $function$
-- End an admission: count the bytes that came, and those that stay. In the transaction that writes the upload down.
DECLARE
    v_today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
    DELETE FROM admissions WHERE upload_id = p_upload;
    INSERT INTO institution_usage AS u (institution, bytes_stored, day, bytes_today)
    VALUES (p_institution, CASE WHEN p_kept THEN p_bytes ELSE 0 END, v_today, p_bytes)
    ON CONFLICT (institution) DO UPDATE
    SET bytes_stored = u.bytes_stored + excluded.bytes_stored,
        bytes_today = excluded.bytes_today + CASE WHEN u.day = v_today THEN u.bytes_today ELSE 0 END,
        day = v_today;
END
$function$;

CREATE FUNCTION quota_give_back(p_institution text, p_bytes bigint) RETURNS void
LANGUAGE sql AS $function$
-- What was stored is no longer counted: its upload was withdrawn.
    UPDATE institution_usage SET bytes_stored = greatest(0, bytes_stored - p_bytes) WHERE institution = p_institution
$function$;
