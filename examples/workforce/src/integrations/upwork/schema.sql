CREATE TABLE upwork_imports (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    file TEXT NOT NULL,
    status TEXT NOT NULL,
    imported BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    -- The first of what was wrong, as JSON.
    problems TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (tenant, id)
);
