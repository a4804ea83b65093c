-- +goose Up
-- What was said when the status of the certificate was last changed.
ALTER TABLE certificates ADD COLUMN status_comment text NOT NULL DEFAULT '';
