-- +goose Up
-- The CA whose inventory an event changed: its feed is these events, in their order. '' on all others.
ALTER TABLE audit_events ADD COLUMN ca_id text NOT NULL DEFAULT '';
UPDATE audit_events SET ca_id = (SELECT c.ca_id FROM certificates c WHERE c.id = audit_events.object_id)
    WHERE object_kind = 'certificate' AND result = 'SUCCESS' AND action IN ('certificate.issue', 'ca.certify', 'ocsp-signer.issue', 'certificate.revoke', 'certificate.suspend', 'certificate.unsuspend')
    AND EXISTS (SELECT 1 FROM certificates c WHERE c.id = audit_events.object_id);
CREATE INDEX audit_events_feed ON audit_events (ca_id, sequence) WHERE ca_id <> '';

-- Requests that may come again, by a key that the client chose: what was issued to the first one, or which approval it
-- waits for.
CREATE TABLE gateway_requests (
    actor_id       text NOT NULL,
    request_key    text NOT NULL,
    request_sha256 {bytes} NOT NULL,
    certificate_id text NOT NULL,
    approval_id    text NOT NULL DEFAULT '',
    created_at     {time} NOT NULL,
    PRIMARY KEY (actor_id, request_key)
);
CREATE INDEX gateway_requests_created ON gateway_requests (created_at);
