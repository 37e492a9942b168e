CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    company TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    tenant TEXT NOT NULL REFERENCES tenants (tenant),
    id TEXT NOT NULL,
    organization_id TEXT,
    full_name TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, email)
);

-- Tokens are kept as SHA-256, so that whoever reads the table cannot use them.
CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
);

CREATE TABLE invites (
    tenant TEXT NOT NULL REFERENCES tenants (tenant),
    id TEXT NOT NULL,
    employee_id TEXT,
    organization_id TEXT,
    invited_by TEXT,
    full_name TEXT NOT NULL,
    email TEXT NOT NULL,
    token_hash TEXT,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, email)
);

CREATE INDEX invites_by_token ON invites (tenant, token_hash);
