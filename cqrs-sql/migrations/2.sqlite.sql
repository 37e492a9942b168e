-- The commands that were executed with an idempotency key. A row is committed with the effects of its command.
CREATE TABLE {idempotency_key} (
    application TEXT NOT NULL,
    id BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    tenant TEXT,
    -- NULL until the handler has succeeded, which is in the same transaction.
    output TEXT,
    at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    PRIMARY KEY (application, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX {idempotency_key_at} ON {idempotency_key} (at);

-- Set if the delivery is a dead letter that blocks its order key.
ALTER TABLE {parked} ADD COLUMN died_at INTEGER;
