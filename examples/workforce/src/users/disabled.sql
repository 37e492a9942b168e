-- Since when a user cannot sign in: their employee has left.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;
