CREATE TABLE github_hooks (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    organization_id TEXT,
    created_at BIGINT NOT NULL,
    last_delivery_at BIGINT,
    PRIMARY KEY (tenant, id)
);

-- A delivery is taken once for each hook, whoever makes up its guid elsewhere.
CREATE TABLE github_deliveries (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    guid TEXT NOT NULL,
    kind TEXT NOT NULL,
    size BIGINT NOT NULL,
    status TEXT NOT NULL,
    summary TEXT,
    repository TEXT,
    url TEXT,
    sender TEXT,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, hook_id, guid),
    FOREIGN KEY (tenant, hook_id) REFERENCES github_hooks (tenant, id)
);

-- Few at any time: what is looked for at start-up.
CREATE INDEX github_deliveries_unread ON github_deliveries (tenant, id) WHERE status = 'received';

-- Apart, so that lists of deliveries need not pass them by.
CREATE TABLE github_bodies (
    tenant TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    body BYTES NOT NULL,
    PRIMARY KEY (tenant, delivery_id),
    FOREIGN KEY (tenant, delivery_id) REFERENCES github_deliveries (tenant, id)
);

-- Work that was seen at GitHub and may become a time log.
CREATE TABLE github_suggestions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    project TEXT NOT NULL,
    note TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    status TEXT NOT NULL,
    time_log_id TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, delivery_id, employee_id)
);

CREATE INDEX github_suggestions_by_log ON github_suggestions (tenant, time_log_id)
    WHERE time_log_id IS NOT NULL;
