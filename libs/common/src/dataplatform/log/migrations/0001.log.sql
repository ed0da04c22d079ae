-- The event store, which is the outbox too, and the inbox. All names are unqualified on purpose: a rebuild runs the
-- same functions in a shadow schema that comes first in the search path.

CREATE TABLE events (
    stream_id text NOT NULL CHECK (stream_id <> ''),
    version bigint NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    type text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    source text NOT NULL,
    time timestamptz NOT NULL,
    data jsonb NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    traceparent text,
    position bigint GENERATED ALWAYS AS IDENTITY,
    published_at timestamptz,
    PRIMARY KEY (stream_id, version)
);

CREATE INDEX events_unpublished ON events (position) WHERE published_at IS NULL;

CREATE FUNCTION log_append(p_stream text, p_expected bigint, p_events jsonb) RETURNS bigint
LANGUAGE plpgsql AS $function$
-- Append events to a stream that must be at version p_expected; return its new version.
-- Raises DP001 when the stream is elsewhere (and unique_violation when another transaction won the race).
DECLARE
    v_current bigint;
    v_appended bigint;
BEGIN
    SELECT coalesce(max(e.version), 0) INTO v_current FROM events e WHERE e.stream_id = p_stream;
    IF v_current <> p_expected THEN
        RAISE EXCEPTION 'stream % is at version %, not %', p_stream, v_current, p_expected USING ERRCODE = 'DP001';
    END IF;
    INSERT INTO events (stream_id, version, event_id, type, topic, key, source, time, data, correlation_id,
                        causation_id, traceparent)
    SELECT p_stream, p_expected + t.ordinal, (t.e ->> 'event_id')::uuid, t.e ->> 'type', t.e ->> 'topic', t.e ->> 'key',
           t.e ->> 'source', (t.e ->> 'time')::timestamptz, t.e -> 'data', (t.e ->> 'correlation_id')::uuid,
           (t.e ->> 'causation_id')::uuid, t.e ->> 'traceparent'
    FROM jsonb_array_elements(p_events) WITH ORDINALITY AS t (e, ordinal)
    ORDER BY t.ordinal;
    GET DIAGNOSTICS v_appended = ROW_COUNT;
    PERFORM pg_notify('log_appended', '');
    RETURN p_expected + v_appended;
END
$function$;

-- The inbox -------------------------------------------------------------------------------------------------------

CREATE TABLE stream_positions (
    consumer text NOT NULL,
    stream_id text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (consumer, stream_id)
);

CREATE TABLE parked_events (
    consumer text NOT NULL,
    stream_id text NOT NULL,
    version bigint NOT NULL,
    record jsonb NOT NULL,
    error_code text,
    error_detail text,
    attempts integer NOT NULL DEFAULT 0,
    redrive_requested boolean NOT NULL DEFAULT false,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, stream_id, version)
);

CREATE INDEX parked_events_requested ON parked_events (consumer, parked_at) WHERE redrive_requested;

COMMENT ON TABLE parked_events IS
    'Events that wait: error_code says why one failed; without it they queue behind a gap or behind a failed one.';

CREATE TABLE dead_letters (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    error_code text NOT NULL,
    error_detail text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, topic, partition, record_offset)
);

CREATE FUNCTION inbox_admit(p_consumer text, p_streams text[], p_versions bigint[], p_records text[])
RETURNS TABLE (wave bigint, ordinal bigint, stream_id text, version bigint, record jsonb)
LANGUAGE plpgsql AS $function$
-- Decide what of a batch is to be applied now, and count it as applied, in the caller's transaction.
--
-- Per stream: a version at or below the position is a duplicate and dropped; the next in order is admitted, and after
-- it whatever was parked and now follows; anything further ahead, or behind a failed event, is parked. `ordinal` is
-- the place in the batch (from 1), or null for an event that was parked before: its `record` is returned instead.
-- `wave` counts the admitted events of each stream from 1: events of one wave are of different streams.
#variable_conflict use_column
BEGIN
    -- One order for everybody, so that two members which hold the same events never deadlock.
    INSERT INTO stream_positions (consumer, stream_id, version)
    SELECT p_consumer, s.name, 0 FROM (SELECT DISTINCT name FROM unnest(p_streams) AS u (name)) AS s ORDER BY s.name
    ON CONFLICT DO NOTHING;
    PERFORM 1 FROM stream_positions p
    WHERE p.consumer = p_consumer AND p.stream_id = ANY (p_streams) ORDER BY p.stream_id FOR UPDATE;

    RETURN QUERY
    WITH incoming AS (
        SELECT DISTINCT ON (i.stream_id, i.version) i.stream_id, i.version, i.record, i.ordinal
        FROM unnest(p_streams, p_versions, p_records) WITH ORDINALITY AS i (stream_id, version, record, ordinal)
        ORDER BY i.stream_id, i.version, i.ordinal
    ), fresh AS (
        SELECT i.*, p.version AS reached
        FROM incoming i
        JOIN stream_positions p ON p.consumer = p_consumer AND p.stream_id = i.stream_id
        WHERE i.version > p.version
    ), touched AS (
        SELECT DISTINCT f.stream_id, f.reached FROM fresh f
    ), waiting AS (
        SELECT k.stream_id, k.version, k.record, k.error_code IS NOT NULL AS failed, t.reached
        FROM parked_events k JOIN touched t ON t.stream_id = k.stream_id
        WHERE k.consumer = p_consumer
    ), candidate AS (
        SELECT f.stream_id, f.version, f.ordinal, NULL::jsonb AS record, false AS failed, f.reached
        FROM fresh f
        WHERE NOT EXISTS (SELECT 1 FROM waiting w WHERE w.stream_id = f.stream_id AND w.version = f.version)
        UNION ALL
        SELECT w.stream_id, w.version, NULL, w.record, w.failed, w.reached FROM waiting w
    ), numbered AS (
        SELECT c.*, row_number() OVER stream AS wave, bool_or(c.failed) OVER stream AS blocked
        FROM candidate c WINDOW stream AS (PARTITION BY c.stream_id ORDER BY c.version)
    ), ready AS (
        SELECT n.* FROM numbered n WHERE n.version = n.reached + n.wave AND NOT n.blocked
    ), advanced AS (
        UPDATE stream_positions p SET version = r.version
        FROM (SELECT y.stream_id, max(y.version) AS version FROM ready y GROUP BY y.stream_id) AS r
        WHERE p.consumer = p_consumer AND p.stream_id = r.stream_id
    ), parked AS (
        INSERT INTO parked_events (consumer, stream_id, version, record)
        SELECT p_consumer, f.stream_id, f.version, f.record::jsonb
        FROM fresh f
        WHERE NOT EXISTS (SELECT 1 FROM ready r WHERE r.stream_id = f.stream_id AND r.version = f.version)
        ON CONFLICT DO NOTHING
    ), drained AS (
        DELETE FROM parked_events k USING ready r
        WHERE k.consumer = p_consumer AND r.ordinal IS NULL
          AND k.stream_id = r.stream_id AND k.version = r.version
    )
    SELECT r.wave, r.ordinal, r.stream_id, r.version, r.record FROM ready r ORDER BY r.wave, r.ordinal, r.stream_id;
END
$function$;

CREATE FUNCTION inbox_park(p_consumer text, p_stream text, p_versions bigint[], p_records text[], p_code text,
                           p_detail text, p_attempts integer) RETURNS void
LANGUAGE plpgsql AS $function$
-- Give back admitted events of one stream: the first failed for the reason given, the others queue behind it.
BEGIN
    UPDATE stream_positions SET version = p_versions[1] - 1 WHERE consumer = p_consumer AND stream_id = p_stream;
    INSERT INTO parked_events (consumer, stream_id, version, record, error_code, error_detail, attempts)
    SELECT p_consumer, p_stream, u.version, u.record::jsonb,
           CASE WHEN u.ordinal = 1 THEN p_code END, CASE WHEN u.ordinal = 1 THEN p_detail END,
           CASE WHEN u.ordinal = 1 THEN p_attempts ELSE 0 END
    FROM unnest(p_versions, p_records) WITH ORDINALITY AS u (version, record, ordinal)
    ON CONFLICT (consumer, stream_id, version) DO UPDATE
        SET error_code = excluded.error_code, error_detail = excluded.error_detail, attempts = excluded.attempts,
            redrive_requested = false;
END
$function$;

CREATE FUNCTION inbox_request_redrive(p_consumer text, p_stream text) RETURNS bigint
LANGUAGE plpgsql AS $function$
-- Ask the consumer, wherever it runs, to redrive a failed stream, or all of them (null); return how many there are.
DECLARE
    v_requested bigint;
BEGIN
    UPDATE parked_events SET redrive_requested = true
    WHERE consumer = p_consumer AND error_code IS NOT NULL AND (p_stream IS NULL OR stream_id = p_stream);
    GET DIAGNOSTICS v_requested = ROW_COUNT;
    RETURN v_requested;
END
$function$;

CREATE FUNCTION inbox_redrive(p_consumer text, p_stream text)
RETURNS TABLE (wave bigint, ordinal bigint, stream_id text, version bigint, record jsonb, attempts integer)
LANGUAGE plpgsql AS $function$
-- Admit the failed event of a stream once more, and what queues behind it, in order. No row: nothing failed there.
#variable_conflict use_column
DECLARE
    v_version bigint;
    v_record text;
    v_attempts integer;
BEGIN
    PERFORM 1 FROM stream_positions p WHERE p.consumer = p_consumer AND p.stream_id = p_stream FOR UPDATE;
    UPDATE parked_events k SET error_code = NULL, error_detail = NULL, redrive_requested = false
    WHERE k.consumer = p_consumer AND k.stream_id = p_stream AND k.error_code IS NOT NULL
    RETURNING k.version, k.record::text, k.attempts INTO v_version, v_record, v_attempts;
    IF v_version IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT a.wave, a.ordinal, a.stream_id, a.version, a.record,
           CASE WHEN a.version = v_version THEN v_attempts ELSE 0 END
    FROM inbox_admit(p_consumer, ARRAY[p_stream], ARRAY[v_version], ARRAY[v_record]) a;
END
$function$;

CREATE FUNCTION inbox_bury(p_consumer text, p_topic text, p_partition integer, p_offset bigint, p_key bytea,
                           p_value bytea, p_headers jsonb, p_code text, p_detail text) RETURNS void
LANGUAGE sql AS $function$
-- Keep a record that is no event of ours, once, for a person to look at.
    INSERT INTO dead_letters (consumer, topic, partition, record_offset, key, value, headers, error_code, error_detail)
    VALUES (p_consumer, p_topic, p_partition, p_offset, p_key, p_value, p_headers, p_code, p_detail)
    ON CONFLICT DO NOTHING
$function$;
