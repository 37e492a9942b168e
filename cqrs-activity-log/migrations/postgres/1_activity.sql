-- Times are microseconds since 1970 in UTC. The tenant '' is the system scope.

CREATE TABLE activity_entries (
    tenant         TEXT COLLATE "C" NOT NULL,
    id             UUID   NOT NULL,
    sequence       BIGINT NOT NULL CHECK (sequence > 0),
    organization   TEXT COLLATE "C",
    actor_kind     TEXT,
    actor_id       TEXT COLLATE "C",
    actor_name     TEXT,
    behalf_kind    TEXT,
    behalf_id      TEXT,
    behalf_name    TEXT,
    action         TEXT COLLATE "C" NOT NULL,
    entity_type    TEXT COLLATE "C" NOT NULL,
    entity_id      TEXT COLLATE "C",
    entity_name    TEXT,
    description    TEXT   NOT NULL,
    changes        TEXT,
    data           TEXT,
    event_name     TEXT COLLATE "C",
    event_version  BIGINT,
    correlation_id UUID   NOT NULL,
    causation_id   UUID,
    occurred_at    BIGINT NOT NULL,
    recorded_at    BIGINT NOT NULL,
    outcome        TEXT   NOT NULL,
    hash           BYTEA  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, sequence)
);

CREATE INDEX activity_entries_by_entity ON activity_entries (tenant, entity_type, entity_id, id);
CREATE INDEX activity_entries_by_actor ON activity_entries (tenant, actor_id, id);
CREATE INDEX activity_entries_by_correlation ON activity_entries (tenant, correlation_id, id);
CREATE INDEX activity_entries_by_action ON activity_entries (tenant, action, id);
CREATE INDEX activity_entries_by_event ON activity_entries (tenant, event_name, id);
CREATE INDEX activity_entries_by_organization ON activity_entries (tenant, organization, id)
    WHERE organization IS NOT NULL;

-- The head of each tenant's chain, and its base: the last entry that retention has removed.
CREATE TABLE activity_chains (
    tenant           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    head_sequence    BIGINT NOT NULL DEFAULT 0,
    head_hash        BYTEA  NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    head_recorded_at BIGINT NOT NULL DEFAULT 0,
    base_sequence    BIGINT NOT NULL DEFAULT 0,
    base_hash        BYTEA  NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

CREATE TABLE activity_settings (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE FUNCTION activity_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TRIGGER activity_entries_refuse_update BEFORE UPDATE ON activity_entries
    FOR EACH ROW EXECUTE FUNCTION activity_log_refuse('entries of the activity log cannot be changed');
CREATE TRIGGER activity_entries_refuse_truncate BEFORE TRUNCATE ON activity_entries
    EXECUTE FUNCTION activity_log_refuse('entries of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_delete BEFORE DELETE ON activity_chains
    FOR EACH ROW EXECUTE FUNCTION activity_log_refuse('a chain of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_truncate BEFORE TRUNCATE ON activity_chains
    EXECUTE FUNCTION activity_log_refuse('a chain of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_going_back BEFORE UPDATE ON activity_chains FOR EACH ROW
    WHEN (NEW.tenant <> OLD.tenant
          OR NEW.head_sequence < OLD.head_sequence
          OR NEW.base_sequence < OLD.base_sequence)
    EXECUTE FUNCTION activity_log_refuse('a chain of the activity log only grows');

-- The path of the schema that the tables lie in, so that the trigger finds them from any session.
CREATE FUNCTION activity_entries_refuse_delete() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM activity_chains WHERE tenant = OLD.tenant AND base_sequence >= OLD.sequence
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries of the activity log cannot be deleted; retention prunes them';
END
$$;

CREATE TRIGGER activity_entries_refuse_delete BEFORE DELETE ON activity_entries
    FOR EACH ROW EXECUTE FUNCTION activity_entries_refuse_delete();
