-- +goose Up
-- The row of a CA holds the newest key in use; ca_generations has those before it and the one being made.
ALTER TABLE certification_authorities ADD COLUMN key_generation bigint NOT NULL DEFAULT 1;
-- Which of the parent's keys (of its own, for a root) signed the certificate.
ALTER TABLE certification_authorities ADD COLUMN issuer_generation bigint NOT NULL DEFAULT 1;
ALTER TABLE certification_authorities ADD COLUMN path_length bigint;
ALTER TABLE certification_authorities ADD COLUMN name_constraints text NOT NULL DEFAULT '';
-- What an external root is to sign, while it has not.
ALTER TABLE certification_authorities ADD COLUMN signing_request {bytes};
-- A renewal under way: SAME_KEY or NEW_KEY.
ALTER TABLE certification_authorities ADD COLUMN renewal text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN renewal_not_after {time};
ALTER TABLE certification_authorities ADD COLUMN renewal_failure text NOT NULL DEFAULT '';

-- Which of its issuer's keys signed it.
ALTER TABLE certificates ADD COLUMN key_generation bigint NOT NULL DEFAULT 1;
ALTER TABLE crls ADD COLUMN key_generation bigint NOT NULL DEFAULT 1;

CREATE TABLE ca_generations (
    ca_id             text NOT NULL REFERENCES certification_authorities(id),
    number            bigint NOT NULL,
    -- Null while it is being made.
    superseded_at     {time},
    created_at        {time} NOT NULL,
    key_store         text NOT NULL,
    key_id            text NOT NULL,
    certificate       {bytes},
    serial_number     text NOT NULL,
    issuer_generation bigint NOT NULL,
    not_before        {time},
    not_after         {time} NOT NULL,
    ocsp_key_store    text NOT NULL,
    ocsp_key_id       text NOT NULL,
    ocsp_certificate  {bytes},
    ocsp_not_after    {time},
    PRIMARY KEY (ca_id, number)
);

-- Every certificate that a CA has had, with the cross-certificates between its keys (RFC 4210 4.4).
CREATE TABLE ca_certificates (
    ca_id             text NOT NULL REFERENCES certification_authorities(id),
    serial_number     text NOT NULL,
    kind              text NOT NULL,
    key_generation    bigint NOT NULL,
    issuer_generation bigint NOT NULL,
    not_before        {time} NOT NULL,
    not_after         {time} NOT NULL,
    der               {bytes} NOT NULL,
    created_at        {time} NOT NULL,
    PRIMARY KEY (ca_id, kind, serial_number)
);
INSERT INTO ca_certificates (ca_id, serial_number, kind, key_generation, issuer_generation, not_before, not_after, der, created_at)
SELECT id, serial_number, 'OWN', 1, 1, not_before, not_after, certificate, COALESCE(activated_at, created_at) FROM certification_authorities WHERE certificate IS NOT NULL;
