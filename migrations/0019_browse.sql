-- +goose Up
-- What a list of certificates is read from, without looking at the rows. A partition is its CAs, and a CA has few
-- profiles: lists of several are merged (domain/certificate/browse.go). Each index costs every issuance; these take the
-- place of seven, of which three were in random order.
DROP INDEX certificates_partition;
DROP INDEX certificates_expiry;
DROP INDEX certificates_serial;
DROP INDEX certificates_key;
DROP INDEX certificates_created;
DROP INDEX certificates_inventory;
DROP INDEX certificates_custom_profile;
-- Newest first.
CREATE INDEX certificates_newest ON certificates (ca_id, profile_id, status, id);
-- First to expire; and what the report on cryptography counts.
CREATE INDEX certificates_expiry ON certificates (ca_id, profile_id, not_after, id, status, key_type, signature_algorithm);
-- Expired and revoked, newest first: nothing that is issued is in it.
CREATE INDEX certificates_past ON certificates (ca_id, id, not_after, status) WHERE NOT counted;
-- What counts (of subscribers, neither revoked nor expired) by its end, and what expired since it was last looked.
DROP INDEX certificates_counted;
CREATE INDEX certificates_counted ON certificates (not_after, partition_id) WHERE counted;
-- Few: nothing that is issued to a subscriber is in these.
CREATE INDEX certificates_own ON certificates (ca_id, not_after) WHERE kind <> 'SUBSCRIBER';
CREATE INDEX certificates_suspended ON certificates (partition_id, not_after) WHERE status = 'SUSPENDED';
DROP INDEX certificates_revocations;
CREATE INDEX certificates_revocations ON certificates (partition_id, revoked_at, status, kind) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_created ON certificates (partition_id, created_at, kind);
-- 64 bits of the hash find it; the rest is compared in the row.
CREATE INDEX certificates_key ON certificates (substr(public_key_sha256, 1, 16));
-- The words of a certificate, which a search looks for: those of a word beside each other, oldest first. The job
-- certificate.words writes them, so that no issuance does (domain/certificate/words.go).
CREATE TABLE certificate_words (
    partition_id   text NOT NULL,
    word           {word} NOT NULL,
    certificate_id {uuid} NOT NULL,
    PRIMARY KEY (partition_id, word, certificate_id)
){clustered};
-- Certificates whose words are not written yet; few, and read by every search.
CREATE TABLE certificates_unread (
    certificate_id text PRIMARY KEY,
    partition_id   text NOT NULL
);
INSERT INTO certificates_unread SELECT id, partition_id FROM certificates;
-- Indexes answer alone only for pages that vacuum has seen.
{postgres} ALTER TABLE certificates SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
{postgres} ALTER TABLE certificate_words SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
