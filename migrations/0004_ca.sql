-- +goose Up
CREATE TABLE certification_authorities (
    id                text PRIMARY KEY,
    partition_id      text NOT NULL REFERENCES partitions(id),
    identifier        text NOT NULL,
    friendly_name     text NOT NULL,
    type              text NOT NULL,
    status            text NOT NULL,
    parent_id         text REFERENCES certification_authorities(id),
    signing_algorithm text NOT NULL,
    subject           text NOT NULL,
    subject_der       {bytes} NOT NULL,
    not_after         {time} NOT NULL,
    not_before        {time},
    crl_enabled       boolean NOT NULL,
    ocsp_enabled      boolean NOT NULL,
    key_id            text NOT NULL DEFAULT '',
    certificate       {bytes},
    serial_number     text NOT NULL DEFAULT '',
    -- Delegated OCSP signer in use.
    ocsp_key_id       text NOT NULL DEFAULT '',
    ocsp_certificate  {bytes},
    ocsp_not_after    {time},
    crl_number        bigint NOT NULL DEFAULT 0,
    -- Grows with each change of any of its certificates' status: what caches compare.
    status_version    bigint NOT NULL DEFAULT 0,
    -- Grows with each change that matters to issuing: what is signed is recorded only if it has not moved meanwhile.
    version           bigint NOT NULL DEFAULT 0,
    creation_step     text NOT NULL,
    creation_failure  text NOT NULL DEFAULT '',
    revoked_at        {time},
    created_at        {time} NOT NULL,
    created_by        text NOT NULL,
    activated_at      {time},
    deleted_at        {time},
    -- Set 24 hours after deletion, when the identifier becomes free.
    purged_at         {time}
);
CREATE UNIQUE INDEX certification_authorities_identifier ON certification_authorities (partition_id, identifier) WHERE purged_at IS NULL;
CREATE INDEX certification_authorities_parent ON certification_authorities (parent_id);

CREATE TABLE ca_profiles (
    ca_id      text NOT NULL REFERENCES certification_authorities(id),
    profile_id text NOT NULL,
    PRIMARY KEY (ca_id, profile_id)
);

CREATE TABLE crls (
    ca_id       text NOT NULL REFERENCES certification_authorities(id),
    number      bigint NOT NULL,
    entries     bigint NOT NULL,
    bytes       bigint NOT NULL,
    this_update {time} NOT NULL,
    next_update {time} NOT NULL,
    der         {bytes} NOT NULL,
    PRIMARY KEY (ca_id, number)
);
