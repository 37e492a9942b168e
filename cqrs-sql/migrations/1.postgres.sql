CREATE TABLE {event} (
    position bigint PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id uuid NOT NULL,
    key bigint,
    version integer NOT NULL,
    shard smallint NOT NULL,
    name text NOT NULL,
    tenant text,
    entity text,
    entity_id text,
    -- json and not jsonb, which refuses "\u0000" and rewrites numbers.
    context json NOT NULL,
    payload json NOT NULL,
    -- The subscription that it is for, if an operator has redelivered it.
    only_for integer
);

-- What transactions of users have published and has not been moved into the log. A row lives for milliseconds.
CREATE TABLE {outbox} (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    key bigint,
    version integer NOT NULL,
    shard smallint NOT NULL,
    name text NOT NULL,
    tenant text,
    entity text,
    entity_id text,
    context json NOT NULL,
    payload json NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What is published later. A row moves into the log when it is due.
CREATE TABLE {scheduled} (
    due timestamptz NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL UNIQUE,
    key bigint,
    version integer NOT NULL,
    shard smallint NOT NULL,
    name text NOT NULL,
    tenant text,
    entity text,
    entity_id text,
    context json NOT NULL,
    payload json NOT NULL,
    PRIMARY KEY (due, seq)
);

-- Whoever appends locks it until the end of the transaction.
CREATE TABLE {append_lock} ();

CREATE TABLE {setting} (name text PRIMARY KEY, value text NOT NULL);

CREATE TABLE {node} (
    id uuid PRIMARY KEY,
    application text NOT NULL,
    until timestamptz NOT NULL,
    about text NOT NULL
);

CREATE TABLE {subscription} (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    name text NOT NULL,
    start bigint NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    UNIQUE (application, name)
);

-- The fencing token is here. Every write of progress locks the row of its lease FOR SHARE, so it waits for a claim, and
-- a claim waits for it.
CREATE TABLE {lease} (
    application text NOT NULL,
    shard smallint NOT NULL,
    token bigint NOT NULL DEFAULT 0,
    node uuid,
    PRIMARY KEY (application, shard)
) WITH (fillfactor = 50);

CREATE TABLE {checkpoint} (
    subscription integer NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    -- What was done above the position, if a tenant has a detour. For the engine alone.
    ahead text,
    PRIMARY KEY (subscription, shard)
) WITH (fillfactor = 50);

CREATE TABLE {parked} (
    subscription integer NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    attempts integer NOT NULL,
    due timestamptz,
    error text,
    PRIMARY KEY (subscription, shard, position)
);

CREATE TABLE {done} (
    subscription integer NOT NULL,
    shard smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (subscription, shard, position)
);

-- With a copy of the event, so that the log can be pruned.
CREATE TABLE {dead} (
    subscription integer NOT NULL,
    position bigint NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL,
    error text NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    key bigint,
    version integer NOT NULL,
    shard smallint NOT NULL,
    name text NOT NULL,
    tenant text,
    entity text,
    entity_id text,
    context json NOT NULL,
    payload json NOT NULL,
    PRIMARY KEY (subscription, position)
);
CREATE INDEX ON {dead} (position, subscription);

-- Moves the outbox into the log, appends behind it what has no time in p_dues, and keeps the rest until it is due. p_dues
-- has microseconds since 1970; if it is shorter than the others, its end counts as null. Returns the position of the first event of p_ids, the entries
-- that were left out because of their done rows, and how many rows were moved. Each statement sees a fresh snapshot,
-- so those after the lock see all that was appended before.
CREATE FUNCTION {append}(
    p_application text,
    p_done_entries integer[],
    p_done_subscriptions integer[],
    p_done_shards smallint[],
    p_done_tokens bigint[],
    p_done_positions bigint[],
    p_done_events uuid[],
    p_entries integer[],
    p_ids uuid[],
    p_keys bigint[],
    p_versions integer[],
    p_shards smallint[],
    p_names text[],
    p_tenants text[],
    p_entities text[],
    p_entity_ids text[],
    p_contexts text[],
    p_payloads text[],
    p_dues bigint[],
    OUT first_position bigint,
    OUT left_out integer[],
    OUT moved bigint
) LANGUAGE plpgsql
-- A server process that hangs with the lock must not make all others wait without end.
SET lock_timeout = '10s'
AS $$
#variable_conflict use_column
DECLARE
    last_position bigint;
    this_entry integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'events are appended in the isolation "read committed", and this transaction has "%"',
            current_setting('transaction_isolation')
            USING HINT = 'Set default_transaction_isolation of the role to "read committed".';
    END IF;

    LOCK TABLE {append_lock} IN EXCLUSIVE MODE;
    SELECT coalesce(max(position), 0) INTO last_position FROM {event};

    moved := 0;
    IF EXISTS (SELECT FROM {outbox}) THEN
        WITH gone AS (DELETE FROM {outbox} RETURNING *)
        INSERT INTO {event} (position, id, key, version, shard, name, tenant, entity, entity_id, context, payload)
        SELECT last_position + row_number() OVER (ORDER BY seq),
               id, key, version, shard, name, tenant, entity, entity_id, context, payload
        FROM gone;
        GET DIAGNOSTICS moved = ROW_COUNT;
        last_position := last_position + moved;
    END IF;

    left_out := ARRAY[]::integer[];
    IF cardinality(p_done_entries) > 0 THEN
        -- The owner of a lease cannot change until the end of this transaction.
        PERFORM FROM unnest(p_done_shards, p_done_tokens) AS wanted (shard, token)
            JOIN {lease} AS lease
            ON lease.application = p_application AND lease.shard = wanted.shard AND lease.token = wanted.token
            FOR SHARE OF lease;
        left_out := ARRAY(
            SELECT DISTINCT wanted.entry
            FROM unnest(p_done_entries, p_done_shards, p_done_tokens, p_done_positions, p_done_events)
                AS wanted (entry, shard, token, position, event)
            WHERE NOT EXISTS (
                SELECT FROM {lease} AS lease
                WHERE lease.application = p_application AND lease.shard = wanted.shard
                AND lease.token = wanted.token)
            -- After a failover, another event may have the position.
            OR NOT EXISTS (
                SELECT FROM {event} AS event WHERE event.position = wanted.position AND event.id = wanted.event));
        BEGIN
            INSERT INTO {done} (subscription, shard, position)
            SELECT subscription, shard, position
            FROM (SELECT DISTINCT * FROM unnest(p_done_entries, p_done_subscriptions, p_done_shards, p_done_positions)
                AS given (entry, subscription, shard, position)) AS given
            WHERE entry <> ALL (left_out);
        EXCEPTION WHEN unique_violation THEN
            -- Rare: find out which, one entry after the other.
            FOR this_entry IN
                SELECT DISTINCT entry FROM unnest(p_done_entries) AS entry WHERE entry <> ALL (left_out) ORDER BY 1
            LOOP
                BEGIN
                    INSERT INTO {done} (subscription, shard, position)
                    SELECT DISTINCT subscription, shard, position
                    FROM unnest(p_done_entries, p_done_subscriptions, p_done_shards, p_done_positions)
                        AS given (entry, subscription, shard, position)
                    WHERE entry = this_entry;
                EXCEPTION WHEN unique_violation THEN
                    left_out := left_out || this_entry;
                END;
            END LOOP;
        END;
    END IF;

    INSERT INTO {event} (position, id, key, version, shard, name, tenant, entity, entity_id, context, payload)
    SELECT last_position + row_number() OVER (ORDER BY number),
           id, key, version, shard, name, tenant, entity, entity_id, context::json, payload::json
    FROM unnest(p_entries, p_ids, p_keys, p_versions, p_shards, p_names, p_tenants, p_entities, p_entity_ids,
            p_contexts, p_payloads, p_dues) WITH ORDINALITY
        AS given (entry, id, key, version, shard, name, tenant, entity, entity_id, context, payload, due, number)
    WHERE entry <> ALL (left_out) AND due IS NULL;
    IF cardinality(p_dues) > 0 THEN
        INSERT INTO {scheduled} (due, id, key, version, shard, name, tenant, entity, entity_id, context, payload)
        SELECT timestamptz 'epoch' + due * interval '1 microsecond',
               id, key, version, shard, name, tenant, entity, entity_id, context::json, payload::json
        FROM unnest(p_entries, p_ids, p_keys, p_versions, p_shards, p_names, p_tenants, p_entities, p_entity_ids,
                p_contexts, p_payloads, p_dues) WITH ORDINALITY
            AS given (entry, id, key, version, shard, name, tenant, entity, entity_id, context, payload, due, number)
        WHERE entry <> ALL (left_out) AND due IS NOT NULL
        ORDER BY number;
    END IF;
    first_position := last_position + 1;
END
$$;

-- Moves at most p_limit scheduled events that are due into the log, behind the outbox. Returns their positions.
CREATE FUNCTION {move_due}(p_limit bigint) RETURNS SETOF bigint LANGUAGE plpgsql
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
    now_due := clock_timestamp();
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
