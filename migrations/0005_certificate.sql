-- +goose Up
CREATE TABLE end_entities (
    id           text PRIMARY KEY,
    partition_id text NOT NULL REFERENCES partitions(id),
    identifier   text NOT NULL,
    status       text NOT NULL,
    created_at   {time} NOT NULL,
    UNIQUE (partition_id, identifier)
);

-- id is time-ordered (UUIDv7): newest first is the order of the key.
CREATE TABLE certificates (
    id                text PRIMARY KEY,
    partition_id      text NOT NULL REFERENCES partitions(id),
    ca_id             text NOT NULL REFERENCES certification_authorities(id),
    serial_number     text NOT NULL,
    kind              text NOT NULL,
    profile_id        text NOT NULL,
    subject           text NOT NULL,
    common_name       text NOT NULL,
    -- Lower-case subject, names and serial number: what the search looks through.
    search_text       text NOT NULL,
    status            text NOT NULL,
    not_before        {time} NOT NULL,
    not_after         {time} NOT NULL,
    der               {bytes} NOT NULL,
    end_entity_id     text,
    requested_by      text NOT NULL,
    created_at        {time} NOT NULL,
    -- Counts against the purchased number: until revoked or expired.
    counted           boolean NOT NULL,
    revoked_at        {time},
    revocation_reason bigint NOT NULL DEFAULT 0,
    invalidity_date   {time},
    suspended_until   {time},
    UNIQUE (ca_id, serial_number)
);
CREATE INDEX certificates_partition ON certificates (partition_id, id);
CREATE INDEX certificates_expiry ON certificates (partition_id, not_after, id);
CREATE INDEX certificates_counted ON certificates (not_after) WHERE counted;
CREATE INDEX certificates_not_good ON certificates (ca_id, serial_number) WHERE status <> 'ISSUED';
CREATE INDEX certificates_end_entity ON certificates (end_entity_id) WHERE end_entity_id IS NOT NULL;
