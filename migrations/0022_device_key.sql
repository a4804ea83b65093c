-- +goose Up
-- An external account key whose accounts come without binding (RFC 8555 7.3.4), and order only what a device attests. It has no secret.
ALTER TABLE acme_external_keys ADD COLUMN without_binding boolean NOT NULL DEFAULT false;

-- Certificates of a selection that were renewed before the campaign was planned, and are no part of it.
ALTER TABLE renewal_campaigns ADD COLUMN renewed_before bigint NOT NULL DEFAULT 0;
