CREATE INDEX employees_by_user ON employees (tenant, user_id);
