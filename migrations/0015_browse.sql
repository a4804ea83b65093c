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
-- The words of a certificate that a search looks for, each behind the three days of its id and the end of its
-- partition: a search walks backwards in time and stops when a page is full. A word has at most 2046 bytes.
{postgres} CREATE FUNCTION certificate_words(id text, partition_id text, ca_id text, profile_id text, serial_number text, search_text text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT array_to_tsvector(string_to_array(substr(id, 1, 5) || right(partition_id, 4) || ca_id || ' ' || substr(id, 1, 5) || right(partition_id, 4) || profile_id || replace(translate(' ' || replace(CASE WHEN octet_length(search_text) < 2000 THEN search_text ELSE regexp_replace(search_text, '([^ ]{250})', '\1 ', 'g') END, serial_number, ''), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '), ' ', ' ' || substr(id, 1, 5) || right(partition_id, 4)), ' '))$$;
-- Written at once: entries that are kept aside for later are read by every search, and merged in somebody's commit.
{postgres} CREATE INDEX certificates_words ON certificates USING gin (certificate_words(id, partition_id, ca_id, profile_id, serial_number, search_text)) WITH (fastupdate = off);
-- Indexes answer alone only for pages that vacuum has seen.
{postgres} ALTER TABLE certificates SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
