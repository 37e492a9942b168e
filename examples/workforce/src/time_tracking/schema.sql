-- One row for each employee whose time is tracked. Whoever changes their time adds one to the revision
-- first, and by that keeps others waiting until the transaction ends.
CREATE TABLE time_books (
    tenant TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (tenant, employee_id)
);

CREATE TABLE time_logs (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    project TEXT NOT NULL,
    note TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    week TEXT NOT NULL,
    source TEXT NOT NULL,
    -- What the source calls it: what was imported is not imported again.
    external_id TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, source, external_id)
);

CREATE INDEX time_logs_by_start ON time_logs (tenant, employee_id, started_at);
CREATE INDEX time_logs_by_id ON time_logs (tenant, employee_id, id);
CREATE INDEX time_logs_by_week ON time_logs (tenant, employee_id, week);

CREATE TABLE timesheets (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    week TEXT NOT NULL,
    status TEXT NOT NULL,
    submitted_at BIGINT,
    approved_at BIGINT,
    approved_by TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, employee_id, week)
);

CREATE INDEX timesheets_by_id ON timesheets (tenant, employee_id, id);
