-- Times are microseconds since 1970 in UTC. The tenant '' is the system scope.

CREATE TABLE activity_entries (
    tenant         {key}    NOT NULL,
    id             {id}     NOT NULL,
    sequence       {number} NOT NULL CHECK (sequence > 0),
    organization   {key},
    actor_kind     TEXT,
    actor_id       {key},
    actor_name     TEXT,
    behalf_kind    TEXT,
    behalf_id      TEXT,
    behalf_name    TEXT,
    action         {key}    NOT NULL,
    entity_type    {key}    NOT NULL,
    entity_id      {key},
    entity_name    TEXT,
    description    TEXT     NOT NULL,
    changes        TEXT,
    data           TEXT,
    event_name     {key},
    event_version  {number},
    correlation_id {id}     NOT NULL,
    causation_id   {id},
    occurred_at    {number} NOT NULL,
    recorded_at    {number} NOT NULL,
    outcome        TEXT     NOT NULL,
    hash           {bytes}  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, sequence){checks}
) {strict};

CREATE INDEX activity_entries_by_entity ON activity_entries (tenant, entity_type, entity_id, id);
CREATE INDEX activity_entries_by_actor ON activity_entries (tenant, actor_id, id);
CREATE INDEX activity_entries_by_correlation ON activity_entries (tenant, correlation_id, id);
CREATE INDEX activity_entries_by_action ON activity_entries (tenant, action, id);
CREATE INDEX activity_entries_by_event ON activity_entries (tenant, event_name, id);
CREATE INDEX activity_entries_by_organization ON activity_entries (tenant, organization, id)
    WHERE organization IS NOT NULL;

-- The head of each tenant's chain, and its base: the last entry that retention has removed.
CREATE TABLE activity_chains (
    tenant           {key}    NOT NULL PRIMARY KEY,
    head_sequence    {number} NOT NULL DEFAULT 0,
    head_hash        {bytes}  NOT NULL DEFAULT {zero_hash},
    head_recorded_at {number} NOT NULL DEFAULT 0,
    base_sequence    {number} NOT NULL DEFAULT 0,
    base_hash        {bytes}  NOT NULL DEFAULT {zero_hash}
) {strict};

CREATE TABLE activity_settings (
    name  TEXT    NOT NULL PRIMARY KEY,
    value {bytes} NOT NULL
) {strict};

