-- +goose Up
-- Few: what notifications read of the audit log (domain/notify/alarm.go).
CREATE INDEX audit_events_alarms ON audit_events (partition_id, sequence)
    WHERE object_kind = 'ca' AND result <> 'SUCCESS' OR action = 'approval.request';
