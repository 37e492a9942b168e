-- How much each employee worked in each week, as time tracking last said.
CREATE TABLE employee_weeks (
    tenant TEXT NOT NULL,
    employee_id TEXT NOT NULL,
    week TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, employee_id, week)
);
