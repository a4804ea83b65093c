-- +goose Up
-- Which of the deployment's key stores has the CA's key and that of its OCSP signer.
ALTER TABLE certification_authorities ADD COLUMN key_store text NOT NULL DEFAULT 'software';
ALTER TABLE certification_authorities ADD COLUMN ocsp_key_store text NOT NULL DEFAULT 'software';
-- What waits for a second person; '' when nothing does.
ALTER TABLE certification_authorities ADD COLUMN proposal_kind text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN proposal_store text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN proposed_by text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN proposed_by_id text NOT NULL DEFAULT '';
ALTER TABLE certification_authorities ADD COLUMN proposed_at {time};
