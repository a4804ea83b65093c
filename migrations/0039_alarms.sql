-- +goose Up
-- Of what else than expiry a partition is told, JSON.
ALTER TABLE notification_settings ADD COLUMN alarms text NOT NULL DEFAULT '["KEY_REFUSED","CRL_HELD","KEY_STORE_AWAY","APPROVAL_WAITING"]';
-- Up to which event of its audit log a partition was told, and when last.
CREATE TABLE notification_progress (
    partition_id text PRIMARY KEY REFERENCES partitions(id),
    sequence     bigint NOT NULL,
    told_at      {time}
);
-- Key stores that a partition was told are away.
CREATE TABLE notification_key_stores (
    partition_id text NOT NULL REFERENCES partitions(id),
    key_store    text NOT NULL,
    since        {time} NOT NULL,
    PRIMARY KEY (partition_id, key_store)
);
