-- +goose Up
-- The CA's status_version by which the status of the certificate last changed; 0: it never did, or before this column. What
-- changed since a list was made or an answer was read is found by it, and not by times: clocks go back, and differ.
ALTER TABLE certificates ADD COLUMN status_version bigint NOT NULL DEFAULT 0;
CREATE INDEX certificates_changed ON certificates (ca_id, status_version) WHERE status_version > 0;
DROP INDEX certificates_revoked;
DROP INDEX certificates_released;
-- The status_version that a list says all of; -1: not known, no delta CRL is made to it.
ALTER TABLE crl_lists ADD COLUMN status_version bigint NOT NULL DEFAULT -1;
-- When it was made by the clock of the server. this_update is what it says, which is never before its entries or the list
-- before it.
ALTER TABLE crl_lists ADD COLUMN made_at {time};
UPDATE crl_lists SET made_at = this_update;
-- Revocations that a CRL of the CA tells and that the database has no certificate for: it was restored from a backup.
CREATE TABLE adopted_revocations (
    ca_id             text NOT NULL REFERENCES certification_authorities(id),
    serial_number     text NOT NULL,
    revoked_at        {time} NOT NULL,
    revocation_reason bigint NOT NULL,
    invalidity_date   {time},
    crl_shard         bigint NOT NULL,
    status_version    bigint NOT NULL,
    PRIMARY KEY (ca_id, serial_number)
);
