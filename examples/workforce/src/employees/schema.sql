CREATE TABLE employees (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    organization_id TEXT,
    user_id TEXT,
    full_name TEXT NOT NULL,
    email TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, email)
);
