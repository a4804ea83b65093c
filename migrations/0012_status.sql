-- +goose Up
-- Delta CRLs beside the complete ones.
ALTER TABLE certification_authorities ADD COLUMN crl_delta boolean NOT NULL DEFAULT false;
-- Over how many shards new certificates are spread (0: none), which is the first of them, and which the highest there is.
ALTER TABLE certification_authorities ADD COLUMN crl_shards bigint NOT NULL DEFAULT 0;
ALTER TABLE certification_authorities ADD COLUMN crl_shard_first bigint NOT NULL DEFAULT 1;
ALTER TABLE certification_authorities ADD COLUMN crl_shard_last bigint NOT NULL DEFAULT 0;
ALTER TABLE certification_authorities ADD COLUMN crl_auto_shard boolean NOT NULL DEFAULT true;
-- Whether the list without shard names everything that is revoked, or only what carries its address.
ALTER TABLE certification_authorities ADD COLUMN crl_complete boolean NOT NULL DEFAULT true;
-- Why a CRL is held back; '' while none is.
ALTER TABLE certification_authorities ADD COLUMN crl_alarm text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN crl_alarm_at {time};
-- Settings changed: the next publication is of complete lists.
ALTER TABLE certification_authorities ADD COLUMN crl_stale boolean NOT NULL DEFAULT false;

-- The shard whose address the certificate carries; 0: none.
ALTER TABLE certificates ADD COLUMN crl_shard bigint NOT NULL DEFAULT 0;
-- When a suspension last ended.
ALTER TABLE certificates ADD COLUMN released_at {time};
-- Everything that a CRL says of a certificate: a list is built from the index alone.
DROP INDEX certificates_not_good;
CREATE INDEX certificates_not_good ON certificates (ca_id, serial_number, revoked_at, revocation_reason, invalidity_date, crl_shard) WHERE status <> 'ISSUED';
CREATE INDEX certificates_revoked ON certificates (ca_id, revoked_at) WHERE status <> 'ISSUED';
CREATE INDEX certificates_released ON certificates (ca_id, released_at) WHERE released_at IS NOT NULL;

CREATE TABLE crl_lists (
    id          text PRIMARY KEY,
    ca_id       text NOT NULL REFERENCES certification_authorities(id),
    -- The CA's key that signed it: each has lists under addresses of its own.
    key_generation bigint NOT NULL,
    shard       bigint NOT NULL,
    -- Number of the complete CRL that a delta CRL adds to; 0 for a complete one.
    base_number bigint NOT NULL,
    number      bigint NOT NULL,
    entries     bigint NOT NULL,
    bytes       bigint NOT NULL,
    sha256      {bytes} NOT NULL,
    -- Address in its issuing distribution point; '' when it lists all of the CA.
    scope       text NOT NULL,
    this_update {time} NOT NULL,
    next_update {time} NOT NULL
);
CREATE INDEX crl_lists_newest ON crl_lists (ca_id, key_generation, shard, number);
-- A list lies in parts, so that neither writing nor serving it needs it in one piece. Written before the row above.
CREATE TABLE crl_parts (
    list_id    text NOT NULL,
    part       bigint NOT NULL,
    der        {bytes} NOT NULL,
    written_at {time} NOT NULL,
    PRIMARY KEY (list_id, part)
);
INSERT INTO crl_parts (list_id, part, der, written_at) SELECT ca_id || '/' || number, 0, der, this_update FROM crls;
-- Their hash is not known: the first check after the migration does without.
INSERT INTO crl_lists (id, ca_id, key_generation, shard, base_number, number, entries, bytes, sha256, scope, this_update, next_update)
    SELECT ca_id || '/' || number, ca_id, key_generation, 0, 0, number, entries, bytes, {empty}, '', this_update, next_update FROM crls;
DROP TABLE crls;
