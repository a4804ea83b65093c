-- +goose Up
-- With the status in it, SQLite reads a CRL from the index alone.
DROP INDEX certificates_not_good;
CREATE INDEX certificates_not_good ON certificates (ca_id, serial_number, revoked_at, revocation_reason, invalidity_date, crl_shard, status) WHERE status <> 'ISSUED';
