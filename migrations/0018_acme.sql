-- +goose Up
-- Keys of external account binding (RFC 8555 7.3.4).
CREATE TABLE acme_external_keys (
    id                 text PRIMARY KEY, -- kid
    partition_id       text NOT NULL REFERENCES partitions(id),
    configuration_id   text NOT NULL REFERENCES protocol_configurations(id),
    friendly_name      text NOT NULL,
    secret             {bytes} NOT NULL, -- sealed
    created_by         text NOT NULL,
    created_at         {time} NOT NULL,
    expires_at         {time},
    revoked_at         {time},
    -- 0: as many as come.
    max_accounts       bigint NOT NULL DEFAULT 0,
    accounts           bigint NOT NULL DEFAULT 0,
    -- Patterns of names, JSON; [] allows all.
    allowed            text NOT NULL DEFAULT '[]',
    -- Names allowed need no challenge.
    preauthorized      boolean NOT NULL DEFAULT false,
    last_used_at       {time},
    UNIQUE (configuration_id, friendly_name)
);

CREATE TABLE acme_accounts (
    id               text PRIMARY KEY,
    partition_id     text NOT NULL REFERENCES partitions(id),
    configuration_id text NOT NULL REFERENCES protocol_configurations(id),
    external_key_id  text NOT NULL REFERENCES acme_external_keys(id),
    thumbprint       text NOT NULL, -- of the key, RFC 7638 with SHA-256, base64url
    jwk              text NOT NULL,
    contact          text NOT NULL, -- JSON list
    binding          text NOT NULL, -- externalAccountBinding as it came
    status           text NOT NULL,
    created_at       {time} NOT NULL,
    UNIQUE (configuration_id, thumbprint)
);
CREATE INDEX acme_accounts_external_key ON acme_accounts (external_key_id, id);

CREATE TABLE acme_orders (
    id               text PRIMARY KEY,
    configuration_id text NOT NULL REFERENCES protocol_configurations(id),
    account_id       text NOT NULL REFERENCES acme_accounts(id),
    status           text NOT NULL,
    expires_at       {time} NOT NULL,
    identifiers      text NOT NULL, -- JSON
    -- SHA-256 of the identifiers, so that orders for the same names are found.
    names            text NOT NULL,
    profile          text NOT NULL,
    not_before       {time},
    not_after        {time},
    -- The certificate that this order's will take the place of (RFC 9773 5).
    replaces         text,
    replaces_name    text NOT NULL,
    error            text,
    csr_sha256       text NOT NULL,
    certificate_id   text,
    created_at       {time} NOT NULL
);
CREATE INDEX acme_orders_account ON acme_orders (account_id, id);
CREATE INDEX acme_orders_configuration ON acme_orders (configuration_id, id);
CREATE INDEX acme_orders_names ON acme_orders (configuration_id, names) WHERE status = 'valid';
CREATE INDEX acme_orders_certificate ON acme_orders (certificate_id) WHERE certificate_id IS NOT NULL;
-- One order at a time may replace a certificate.
CREATE UNIQUE INDEX acme_orders_replaces ON acme_orders (replaces) WHERE replaces IS NOT NULL AND status <> 'invalid';
CREATE INDEX acme_orders_open ON acme_orders (expires_at) WHERE status IN ('pending', 'ready', 'processing');

CREATE TABLE acme_authorizations (
    id               text PRIMARY KEY,
    configuration_id text NOT NULL,
    account_id       text NOT NULL REFERENCES acme_accounts(id),
    identifier_type  text NOT NULL,
    identifier       text NOT NULL,
    wildcard         boolean NOT NULL,
    status           text NOT NULL,
    expires_at       {time} NOT NULL,
    created_at       {time} NOT NULL,
    -- SHA-256 of the public key that a device attested.
    attested_key     text NOT NULL
);
CREATE INDEX acme_authorizations_name ON acme_authorizations (account_id, identifier, identifier_type) WHERE status = 'valid';
CREATE INDEX acme_authorizations_failed ON acme_authorizations (account_id, created_at) WHERE status = 'invalid';
CREATE INDEX acme_authorizations_open ON acme_authorizations (expires_at);

CREATE TABLE acme_order_authorizations (
    order_id         text NOT NULL REFERENCES acme_orders(id),
    position         bigint NOT NULL,
    authorization_id text NOT NULL REFERENCES acme_authorizations(id),
    PRIMARY KEY (order_id, position)
);
CREATE INDEX acme_order_authorizations_back ON acme_order_authorizations (authorization_id, order_id);

CREATE TABLE acme_challenges (
    authorization_id text NOT NULL REFERENCES acme_authorizations(id),
    type             text NOT NULL,
    token            text NOT NULL,
    status           text NOT NULL,
    attempts         bigint NOT NULL DEFAULT 0,
    error            text,
    validated_at     {time},
    PRIMARY KEY (authorization_id, type)
);

-- Nonces are signed and not kept; these have been used.
CREATE TABLE acme_used_nonces (
    nonce      text PRIMARY KEY,
    expires_at {time} NOT NULL
);
CREATE INDEX acme_used_nonces_expiry ON acme_used_nonces (expires_at);

CREATE TABLE acme_secrets (
    id     text PRIMARY KEY,
    secret {bytes} NOT NULL -- sealed
);

-- A set of certificates whose renewal is spread over a time (RFC 9773).
CREATE TABLE renewal_campaigns (
    id                text PRIMARY KEY,
    partition_id      text NOT NULL REFERENCES partitions(id),
    name              text NOT NULL,
    filter            text NOT NULL, -- JSON
    begins_at         {time} NOT NULL,
    ends_at           {time} NOT NULL,
    revoke_at         {time},
    revocation_reason bigint NOT NULL DEFAULT 4,
    explanation_url   text NOT NULL DEFAULT '',
    state             text NOT NULL,
    total             bigint NOT NULL DEFAULT 0,
    created_by        text NOT NULL,
    created_at        {time} NOT NULL,
    bulk_operation_id text,
    UNIQUE (partition_id, name)
);

CREATE TABLE renewal_windows (
    certificate_id text PRIMARY KEY,
    campaign_id    text NOT NULL REFERENCES renewal_campaigns(id),
    begins_at      {time} NOT NULL,
    ends_at        {time} NOT NULL,
    replaced_at    {time},
    replaced_by    text
);
CREATE INDEX renewal_windows_campaign ON renewal_windows (campaign_id, begins_at);
CREATE INDEX renewal_windows_replaced ON renewal_windows (campaign_id, replaced_at) WHERE replaced_at IS NOT NULL;
