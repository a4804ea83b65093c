-- +goose Up
-- Secrets of the settings of enrollment protocols. The settings hold only the ids.
CREATE TABLE protocol_secrets (
    id               text PRIMARY KEY,
    configuration_id text NOT NULL REFERENCES protocol_configurations(id),
    secret           {bytes} NOT NULL, -- sealed
    created_at       {time} NOT NULL
);
CREATE INDEX protocol_secrets_configuration ON protocol_secrets (configuration_id);
