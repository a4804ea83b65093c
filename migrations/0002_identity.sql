-- +goose Up
CREATE TABLE users (
    id                text PRIMARY KEY,
    email             text NOT NULL UNIQUE,
    first_name        text NOT NULL,
    last_name         text NOT NULL,
    status            text NOT NULL,
    operator          boolean NOT NULL DEFAULT false,
    password_hash     text NOT NULL DEFAULT '',
    totp_secret       {bytes},
    totp_confirmed_at {time},
    -- Highest TOTP time step used: a code is good for one use.
    totp_last_step    bigint NOT NULL DEFAULT 0,
    failed_attempts   bigint NOT NULL DEFAULT 0,
    locked_until      {time},
    last_sign_in_at   {time},
    created_at        {time} NOT NULL
);

-- A role in a domain: a partition, or a subscription that has no partition yet.
CREATE TABLE role_grants (
    user_id    text NOT NULL REFERENCES users(id),
    domain     text NOT NULL,
    role       text NOT NULL,
    created_at {time} NOT NULL,
    PRIMARY KEY (user_id, domain, role)
);
CREATE INDEX role_grants_domain ON role_grants (domain, role);

CREATE TABLE invitations (
    token_hash {bytes} PRIMARY KEY,
    user_id    text NOT NULL REFERENCES users(id),
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL
);
CREATE INDEX invitations_user ON invitations (user_id);

CREATE TABLE passkeys (
    id            text PRIMARY KEY,
    user_id       text NOT NULL REFERENCES users(id),
    name          text NOT NULL,
    credential_id {bytes} NOT NULL UNIQUE,
    credential    text NOT NULL,
    created_at    {time} NOT NULL,
    last_used_at  {time}
);
CREATE INDEX passkeys_user ON passkeys (user_id);

CREATE TABLE recovery_codes (
    user_id text NOT NULL REFERENCES users(id),
    hash    {bytes} NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE sessions (
    id           text PRIMARY KEY,
    token_hash   {bytes} NOT NULL UNIQUE,
    user_id      text NOT NULL REFERENCES users(id),
    -- FACTOR_REQUIRED, ENROLMENT_REQUIRED or FULL
    stage        text NOT NULL,
    -- WebAuthn challenge of the ceremony under way, sealed.
    ceremony     {bytes},
    ip_address   text NOT NULL,
    user_agent   text NOT NULL,
    created_at   {time} NOT NULL,
    last_seen_at {time} NOT NULL,
    expires_at   {time} NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id           text PRIMARY KEY,
    partition_id text NOT NULL REFERENCES partitions(id),
    name         text NOT NULL,
    role         text NOT NULL,
    prefix       text NOT NULL,
    token_hash   {bytes} NOT NULL UNIQUE,
    created_by   text NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    last_used_at {time},
    revoked_at   {time}
);
CREATE INDEX api_tokens_partition ON api_tokens (partition_id);

-- Failed sign-ins by address, so that guessing over many accounts is slowed down too.
CREATE TABLE sign_in_failures (
    subject  text PRIMARY KEY,
    failures bigint NOT NULL,
    until    {time} NOT NULL
);

-- The body holds invitation links: it is sealed, and removed once sent.
CREATE TABLE mails (
    id           text PRIMARY KEY,
    partition_id text NOT NULL,
    recipient    text NOT NULL,
    subject      text NOT NULL,
    body         {bytes},
    created_at   {time} NOT NULL,
    sent_at      {time}
);
CREATE INDEX mails_partition ON mails (partition_id, created_at);
