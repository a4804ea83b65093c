-- +goose Up
-- An enrollment protocol as a partition offers it: under which address, by which CA and profile.
CREATE TABLE protocol_configurations (
    id           text PRIMARY KEY,
    partition_id text NOT NULL REFERENCES partitions(id),
    identifier   text NOT NULL,
    type         text NOT NULL,
    description  text NOT NULL,
    ca_id        text NOT NULL REFERENCES certification_authorities(id),
    profile_id   text NOT NULL,
    status       text NOT NULL,
    -- JSON; what it means is the type's business.
    settings     text NOT NULL,
    version      bigint NOT NULL,
    created_at   {time} NOT NULL,
    created_by   text NOT NULL,
    -- The row stays for the story of its certificates; the identifier is free again.
    deleted_at   {time}
);
CREATE UNIQUE INDEX protocol_configurations_identifier ON protocol_configurations (partition_id, identifier) WHERE deleted_at IS NULL;
CREATE INDEX protocol_configurations_ca ON protocol_configurations (ca_id) WHERE deleted_at IS NULL;

-- The configuration that a certificate was issued through; NULL where it was none.
ALTER TABLE certificates ADD COLUMN configuration_id text;
CREATE INDEX certificates_configuration ON certificates (configuration_id, id) WHERE configuration_id IS NOT NULL;

-- Whom certificates were issued to through which configuration.
CREATE TABLE end_entity_configurations (
    end_entity_id    text NOT NULL REFERENCES end_entities(id),
    configuration_id text NOT NULL REFERENCES protocol_configurations(id),
    PRIMARY KEY (configuration_id, end_entity_id)
);

-- What came in through a configuration.
CREATE INDEX audit_events_protocol ON audit_events (partition_id, actor_id, sequence) WHERE actor_kind = 'protocol';
