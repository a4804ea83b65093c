-- +goose Up
-- What the hash of an event is over: 1 until release 0.1.0, 2 the RFC 8785 form of all its fields (docs/audit.md).
ALTER TABLE audit_events ADD COLUMN format bigint NOT NULL DEFAULT 1;
