-- +goose Up
-- A note says what the words are to be written of, so that the job need not read the certificate.
CREATE TABLE certificates_noted (
    certificate_id text PRIMARY KEY,
    partition_id   text NOT NULL,
    search_text    text NOT NULL,
    serial_number  text NOT NULL
){clustered};
INSERT INTO certificates_noted SELECT c.id, c.partition_id, c.search_text, c.serial_number FROM certificates c WHERE c.id IN (SELECT certificate_id FROM certificates_unread);
DROP TABLE certificates_unread;
ALTER TABLE certificates_noted RENAME TO certificates_unread;
