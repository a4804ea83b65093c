-- +goose Up
CREATE TABLE subscriptions (
    id                     text PRIMARY KEY,
    name                   text NOT NULL,
    tier                   text NOT NULL,
    purchased_certificates bigint NOT NULL,
    purchased_cas          bigint NOT NULL,
    created_at             {time} NOT NULL
);

-- active_* are counters kept in the same transaction as what they count: the quota is a condition on this row.
CREATE TABLE partitions (
    id                  text PRIMARY KEY,
    subscription_id     text NOT NULL UNIQUE REFERENCES subscriptions(id),
    name                text NOT NULL,
    region              text NOT NULL,
    terms_accepted_by   text NOT NULL,
    active_certificates bigint NOT NULL DEFAULT 0,
    active_cas          bigint NOT NULL DEFAULT 0,
    created_at          {time} NOT NULL
);

-- Requests counted in a 10 second window, shared by all servers.
CREATE TABLE rate_windows (
    partition_id text NOT NULL,
    kind         text NOT NULL,
    window_start bigint NOT NULL,
    requests     bigint NOT NULL,
    PRIMARY KEY (partition_id, kind, window_start)
);
