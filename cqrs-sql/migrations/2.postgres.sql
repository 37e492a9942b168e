-- The commands that were executed with an idempotency key. A row is committed with the effects of its command.
CREATE TABLE {idempotency_key} (
    application text NOT NULL,
    id bytea NOT NULL,
    fingerprint bytea NOT NULL,
    tenant text,
    -- NULL until the handler has succeeded, which is in the same transaction. json and not jsonb, as for events.
    output json,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (application, id)
);

CREATE INDEX ON {idempotency_key} (at);

-- Set if the delivery is a dead letter that blocks its order key.
ALTER TABLE {parked} ADD COLUMN died_at timestamptz;

-- Moves at most p_limit scheduled events that are due in p_ahead microseconds into the log, behind the outbox. Returns their
-- positions.
DROP FUNCTION {move_due}(bigint);
CREATE FUNCTION {move_due}(p_limit bigint, p_ahead bigint DEFAULT 0) RETURNS SETOF bigint LANGUAGE plpgsql
SET lock_timeout = '10s'
AS $$
#variable_conflict use_column
DECLARE
    now_due timestamptz;
BEGIN
    -- An append of nothing takes the lock, and moves the outbox.
    PERFORM {append}(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL);
    -- A variable, because an index is not searched for a function whose value changes.
    now_due := clock_timestamp() + p_ahead * interval '1 microsecond';
    RETURN QUERY
    WITH gone AS (
        DELETE FROM {scheduled} WHERE (due, seq) IN (
            SELECT due, seq FROM {scheduled} WHERE due <= now_due ORDER BY due, seq LIMIT p_limit)
        RETURNING *)
    INSERT INTO {event} (position, id, key, version, shard, name, tenant, entity, entity_id, context, payload)
    SELECT (SELECT coalesce(max(position), 0) FROM {event}) + row_number() OVER (ORDER BY due, seq),
           id, key, version, shard, name, tenant, entity, entity_id, context, payload
    FROM gone
    RETURNING position;
END
$$;
