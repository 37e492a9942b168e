-- Times are microseconds since 1970 in UTC. The tenant '' is the system scope.

CREATE TABLE activity_entries (
    tenant         TEXT    NOT NULL,
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    sequence       INTEGER NOT NULL CHECK (sequence > 0),
    organization   TEXT,
    actor_kind     TEXT,
    actor_id       TEXT,
    actor_name     TEXT,
    behalf_kind    TEXT,
    behalf_id      TEXT,
    behalf_name    TEXT,
    action         TEXT    NOT NULL,
    entity_type    TEXT    NOT NULL,
    entity_id      TEXT,
    entity_name    TEXT,
    description    TEXT    NOT NULL,
    changes        TEXT,
    data           TEXT,
    event_name     TEXT,
    event_version  INTEGER,
    correlation_id BLOB    NOT NULL CHECK (length(correlation_id) = 16),
    causation_id   BLOB    CHECK (length(causation_id) = 16),
    occurred_at    INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    outcome        TEXT    NOT NULL,
    hash           BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, sequence)
) STRICT;

CREATE INDEX activity_entries_by_entity ON activity_entries (tenant, entity_type, entity_id, id);
CREATE INDEX activity_entries_by_actor ON activity_entries (tenant, actor_id, id);
CREATE INDEX activity_entries_by_correlation ON activity_entries (tenant, correlation_id, id);
CREATE INDEX activity_entries_by_action ON activity_entries (tenant, action, id);
CREATE INDEX activity_entries_by_event ON activity_entries (tenant, event_name, id);
CREATE INDEX activity_entries_by_organization ON activity_entries (tenant, organization, id)
    WHERE organization IS NOT NULL;

-- The head of each tenant's chain, and its base: the last entry that retention has removed.
CREATE TABLE activity_chains (
    tenant           TEXT    NOT NULL PRIMARY KEY,
    head_sequence    INTEGER NOT NULL DEFAULT 0,
    head_hash        BLOB    NOT NULL DEFAULT (zeroblob(32)),
    head_recorded_at INTEGER NOT NULL DEFAULT 0,
    base_sequence    INTEGER NOT NULL DEFAULT 0,
    base_hash        BLOB    NOT NULL DEFAULT (zeroblob(32))
) STRICT;

CREATE TABLE activity_settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TRIGGER activity_entries_refuse_update BEFORE UPDATE ON activity_entries
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be changed');
END;

-- REPLACE would delete without the trigger of DELETE.
CREATE TRIGGER activity_entries_refuse_replace BEFORE INSERT ON activity_entries
WHEN EXISTS (SELECT 1 FROM activity_entries WHERE tenant = NEW.tenant AND sequence = NEW.sequence)
  OR EXISTS (SELECT 1 FROM activity_entries WHERE tenant = NEW.tenant AND id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be replaced');
END;

CREATE TRIGGER activity_entries_refuse_delete BEFORE DELETE ON activity_entries
WHEN NOT EXISTS (
    SELECT 1 FROM activity_chains WHERE tenant = OLD.tenant AND base_sequence >= OLD.sequence
)
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be deleted; retention prunes them');
END;

CREATE TRIGGER activity_chains_refuse_going_back BEFORE UPDATE ON activity_chains
WHEN NEW.tenant <> OLD.tenant
  OR NEW.head_sequence < OLD.head_sequence
  OR NEW.base_sequence < OLD.base_sequence
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log only grows');
END;

CREATE TRIGGER activity_chains_refuse_replace BEFORE INSERT ON activity_chains
WHEN EXISTS (SELECT 1 FROM activity_chains WHERE tenant = NEW.tenant)
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log cannot be replaced');
END;

CREATE TRIGGER activity_chains_refuse_delete BEFORE DELETE ON activity_chains
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log cannot be deleted');
END;
