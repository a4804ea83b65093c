-- +goose Up
-- Certificates of the service below a CA: what it has certified to act in its name, OCSP signers among others. Each is
-- of one of the CA's keys.
CREATE TABLE delegates (
    key_store      text NOT NULL,
    key_id         text NOT NULL,
    ca_id          text NOT NULL REFERENCES certification_authorities(id),
    key_generation bigint NOT NULL,
    purpose        text NOT NULL,
    -- CURRENT; SUPERSEDED: its key is kept until keep_until; ENDED: its key is destroyed.
    status         text NOT NULL,
    certificate    {bytes} NOT NULL,
    not_after      {time} NOT NULL,
    keep_until     {time},
    ended_at       {time},
    PRIMARY KEY (key_store, key_id)
);
CREATE UNIQUE INDEX delegates_current ON delegates (ca_id, key_generation, purpose) WHERE status = 'CURRENT';
CREATE INDEX delegates_kept ON delegates (ca_id, key_generation) WHERE status <> 'ENDED';

INSERT INTO delegates (key_store, key_id, ca_id, key_generation, purpose, status, certificate, not_after)
SELECT ocsp_key_store, ocsp_key_id, id, key_generation, 'OCSP_SIGNER', 'CURRENT', ocsp_certificate, ocsp_not_after
FROM certification_authorities WHERE ocsp_key_id <> '' AND ocsp_certificate IS NOT NULL AND purged_at IS NULL;
INSERT INTO delegates (key_store, key_id, ca_id, key_generation, purpose, status, certificate, not_after)
SELECT g.ocsp_key_store, g.ocsp_key_id, g.ca_id, g.number, 'OCSP_SIGNER', 'CURRENT', g.ocsp_certificate, g.ocsp_not_after
FROM ca_generations g JOIN certification_authorities c ON c.id = g.ca_id
WHERE g.ocsp_key_id <> '' AND g.ocsp_certificate IS NOT NULL AND c.purged_at IS NULL;

ALTER TABLE certification_authorities DROP COLUMN ocsp_key_store;
ALTER TABLE certification_authorities DROP COLUMN ocsp_key_id;
ALTER TABLE certification_authorities DROP COLUMN ocsp_certificate;
ALTER TABLE certification_authorities DROP COLUMN ocsp_not_after;
ALTER TABLE ca_generations DROP COLUMN ocsp_key_store;
ALTER TABLE ca_generations DROP COLUMN ocsp_key_id;
ALTER TABLE ca_generations DROP COLUMN ocsp_certificate;
ALTER TABLE ca_generations DROP COLUMN ocsp_not_after;

UPDATE jobs SET kind = 'delegates.keep' WHERE kind = 'ocsp-signer.renew';
