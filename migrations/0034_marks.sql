-- +goose Up
-- The job certificate.words also notes by what people quote a certificate: its fingerprints, and its serial number from
-- behind. For those that have their words it writes these alone.
ALTER TABLE certificates_unread ADD COLUMN marks text NOT NULL DEFAULT '';
INSERT INTO certificates_unread (certificate_id, partition_id, search_text, serial_number)
    SELECT id, partition_id, '', serial_number FROM certificates WHERE id NOT IN (SELECT certificate_id FROM certificates_unread);
