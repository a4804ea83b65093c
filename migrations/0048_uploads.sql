-- +goose Up
-- Files that a bulk operation is prepared from: kept for minutes, for the caller who sent them.
CREATE TABLE bulk_uploads (
    id           text PRIMARY KEY,
    partition_id text NOT NULL REFERENCES partitions(id),
    kind         text NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL,
    content      {bytes} NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL
);
CREATE INDEX bulk_uploads_actor ON bulk_uploads (actor_kind, actor_id);
CREATE INDEX bulk_uploads_expiry ON bulk_uploads (expires_at);
