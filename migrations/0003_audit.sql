-- +goose Up
-- Head of the hash chain of each partition; '' is the platform's own chain. Locking this row orders the events.
CREATE TABLE audit_chains (
    partition_id text PRIMARY KEY,
    sequence     bigint NOT NULL,
    hash         {bytes} NOT NULL
);

CREATE TABLE audit_events (
    partition_id text NOT NULL,
    sequence     bigint NOT NULL,
    time         {time} NOT NULL,
    action       text NOT NULL,
    result       text NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL,
    actor_name   text NOT NULL,
    ip_address   text NOT NULL,
    request_id   text NOT NULL,
    object_kind  text NOT NULL,
    object_id    text NOT NULL,
    object_name  text NOT NULL,
    summary      text NOT NULL,
    details      text NOT NULL,
    hash         {bytes} NOT NULL,
    PRIMARY KEY (partition_id, sequence)
);
CREATE INDEX audit_events_object ON audit_events (object_id, sequence);

-- What is due, when, and who is on it. One row for each kind and key: asking twice is asking once.
CREATE TABLE jobs (
    kind         text NOT NULL,
    job_key      text NOT NULL,
    run_at       {time} NOT NULL,
    -- Grows with each request: a request that comes while the job runs is not lost.
    generation   bigint NOT NULL,
    arguments    text NOT NULL,
    attempts     bigint NOT NULL,
    last_error   text NOT NULL,
    lease        text NOT NULL,
    leased_until {time},
    PRIMARY KEY (kind, job_key)
);
CREATE INDEX jobs_due ON jobs (run_at);
