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
