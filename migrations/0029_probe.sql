-- +goose Up
-- Written and emptied again by /readyz: only a write shows that the database can be written to.
CREATE TABLE write_probes (
    id      text PRIMARY KEY,
    content {bytes} NOT NULL
);
