CREATE INDEX timesheets_by_status ON timesheets (tenant, status, id);
