-- Which handler has reacted to which event; written in the transaction of its effect.
CREATE TABLE inbox (
    tenant TEXT NOT NULL,
    handler TEXT NOT NULL,
    message_id TEXT NOT NULL,
    handled_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, handler, message_id)
);
