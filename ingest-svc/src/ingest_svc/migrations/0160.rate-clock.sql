-- depends: 0150.held

-- As before, but a refusal tells the time to wait by the clock after the row was free: requests that came later may
-- have been served while this one waited, and by its own clock it would be told more than one share of the window.
CREATE OR REPLACE FUNCTION rate_take(p_principal uuid, p_policy text, p_quota integer, p_window_seconds double precision)
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
        v_now := clock_timestamp();
    END IF;
    reset_seconds := greatest(0, extract(epoch FROM v_full_at - v_now));
    remaining := greatest(0, floor((p_window_seconds - reset_seconds) / p_window_seconds * p_quota + 1e-6));
    retry_seconds := CASE WHEN allowed THEN 0 ELSE greatest(0, extract(epoch FROM v_full_at + v_each - v_window - v_now)) END;
    RETURN NEXT;
END
$function$;
