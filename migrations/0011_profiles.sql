-- +goose Up
-- Profiles that a partition made of system ones. A system profile has no row.
CREATE TABLE profiles (
    -- One life of an identifier: a profile made again under the id of a deleted one is another row.
    uid          text PRIMARY KEY,
    partition_id text NOT NULL REFERENCES partitions(id),
    id           text NOT NULL,
    -- The profile that it was cloned from.
    based_on     text NOT NULL,
    -- Number of the newest version; what was signed under another one is not recorded.
    version      bigint NOT NULL,
    created_at   {time} NOT NULL,
    created_by   text NOT NULL,
    retired_at   {time},
    retired_by   text NOT NULL DEFAULT '',
    UNIQUE (partition_id, id)
);

CREATE TABLE profile_versions (
    uid        text NOT NULL REFERENCES profiles(uid),
    version    bigint NOT NULL,
    created_at {time} NOT NULL,
    created_by text NOT NULL,
    comment    text NOT NULL,
    json       text NOT NULL,
    PRIMARY KEY (uid, version)
);

-- 0 for system profiles and for certificates older than this column.
ALTER TABLE certificates ADD COLUMN profile_version bigint NOT NULL DEFAULT 0;
-- Who asked for what, and which rules decided; JSON. NULL for older certificates.
ALTER TABLE certificates ADD COLUMN story text;
CREATE INDEX certificates_custom_profile ON certificates (partition_id, profile_id) WHERE profile_version > 0;
