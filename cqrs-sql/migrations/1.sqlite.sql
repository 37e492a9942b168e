CREATE TABLE {event} (
    -- SQLite gives a new row the number after the highest one: positions have no holes.
    position INTEGER PRIMARY KEY,
    at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    key INTEGER,
    tenant TEXT,
    entity TEXT,
    entity_id TEXT,
    context TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- The subscription that it is for, if an operator has redelivered it.
    only_for INTEGER
) STRICT;

-- What is published later. A row moves into the log when it is due. SQLite gives a new row the number after the highest.
CREATE TABLE {scheduled} (
    seq INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    key INTEGER,
    tenant TEXT,
    entity TEXT,
    entity_id TEXT,
    context TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX {scheduled_due} ON {scheduled} (due);

CREATE TABLE {setting} (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE {node} (
    id BLOB PRIMARY KEY,
    application TEXT NOT NULL,
    until INTEGER NOT NULL,
    about TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE {subscription} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    name TEXT NOT NULL,
    start INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    UNIQUE (application, name)
) STRICT;

-- The fencing token is here: every write of progress reads it in its transaction.
CREATE TABLE {lease} (
    application TEXT NOT NULL,
    shard INTEGER NOT NULL,
    token INTEGER NOT NULL DEFAULT 0,
    node BLOB,
    PRIMARY KEY (application, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE {checkpoint} (
    subscription INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- What was done above the position, if a tenant has a detour. For the engine alone.
    ahead TEXT,
    PRIMARY KEY (subscription, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE {parked} (
    subscription INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    position INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER,
    error TEXT,
    PRIMARY KEY (subscription, shard, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE {done} (
    subscription INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (subscription, shard, position)
) STRICT, WITHOUT ROWID;

-- With a copy of the event, so that the log can be pruned.
CREATE TABLE {dead} (
    subscription INTEGER NOT NULL,
    position INTEGER NOT NULL,
    died_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    at INTEGER NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    key INTEGER,
    tenant TEXT,
    entity TEXT,
    entity_id TEXT,
    context TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (subscription, position)
) STRICT;

CREATE INDEX {dead_position} ON {dead} (position, subscription);
