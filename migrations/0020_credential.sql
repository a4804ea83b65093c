-- +goose Up
-- The CA of the deployment that certifies clients of the CA Gateway API, and nothing else. The newest one issues; those before it
-- stay trusted until they end.
CREATE TABLE credential_authorities (
    id          text PRIMARY KEY,
    -- 1, 2, ...: of two servers that make the same one, one wins.
    generation  bigint NOT NULL UNIQUE,
    certificate {bytes} NOT NULL,
    not_after   {time} NOT NULL,
    key_store   text NOT NULL,
    key_id      text NOT NULL,
    created_at  {time} NOT NULL
);

-- A client of the CA Gateway API.
CREATE TABLE credentials (
    id            text PRIMARY KEY,
    partition_id  text NOT NULL REFERENCES partitions(id),
    identifier    text NOT NULL,
    friendly_name text NOT NULL,
    created_at    {time} NOT NULL,
    created_by    text NOT NULL,
    -- The person behind it; '' where none is known. See api_tokens.
    owner_id      text NOT NULL,
    last_used_at  {time},
    last_used_ip  text NOT NULL DEFAULT '',
    version       bigint NOT NULL,
    -- The row stays, so that who uses it is known when refused; the identifier is free again.
    deleted_at    {time}
);
CREATE UNIQUE INDEX credentials_identifier ON credentials (partition_id, identifier) WHERE deleted_at IS NULL;

CREATE TABLE credential_roles (
    credential_id text NOT NULL REFERENCES credentials(id),
    ca_id         text NOT NULL REFERENCES certification_authorities(id),
    role          text NOT NULL,
    PRIMARY KEY (credential_id, ca_id, role)
);
CREATE INDEX credential_roles_ca ON credential_roles (ca_id);

-- Every certificate that a credential has had; the present one has no end but its own.
CREATE TABLE credential_certificates (
    -- SHA-256 of the DER
    fingerprint   {bytes} PRIMARY KEY,
    credential_id text NOT NULL REFERENCES credentials(id),
    authority_id  text NOT NULL REFERENCES credential_authorities(id),
    serial_number text NOT NULL,
    not_after     {time} NOT NULL,
    created_at    {time} NOT NULL,
    -- Replaced: refused from then on.
    ends_at       {time}
);
CREATE UNIQUE INDEX credential_certificates_present ON credential_certificates (credential_id) WHERE ends_at IS NULL;
CREATE INDEX credential_certificates_credential ON credential_certificates (credential_id);
