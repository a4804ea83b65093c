-- +goose Up
-- What the reports count by, and what a search by key looks for; '' until the job certificate.describe has read the DER.
ALTER TABLE certificates ADD COLUMN public_key_sha256 text NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN key_type text NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN signature_algorithm text NOT NULL DEFAULT '';
-- By which way it was asked for: console, api, bulk, system, or a protocol.
ALTER TABLE certificates ADD COLUMN source text NOT NULL DEFAULT '';
CREATE INDEX certificates_serial ON certificates (partition_id, serial_number);
CREATE INDEX certificates_key ON certificates (partition_id, public_key_sha256);
CREATE INDEX certificates_undescribed ON certificates (id) WHERE key_type = '';
CREATE INDEX certificates_created ON certificates (partition_id, created_at, profile_id, ca_id, signature_algorithm, source);
CREATE INDEX certificates_revocations ON certificates (partition_id, revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_inventory ON certificates (partition_id, key_type, signature_algorithm, not_after, status);

-- A change of many certificates: prepared as a list of items, then worked through by a job.
CREATE TABLE bulk_operations (
    id              text PRIMARY KEY,
    partition_id    text NOT NULL REFERENCES partitions(id),
    kind            text NOT NULL,
    name            text NOT NULL,
    input           text NOT NULL,
    state           text NOT NULL,
    -- Parameters of all items: reason and invalidity date, or CA and profile.
    reason          bigint NOT NULL DEFAULT 0,
    invalidity_date {time},
    ca_id           text NOT NULL DEFAULT '',
    profile_id      text NOT NULL DEFAULT '',
    total           bigint NOT NULL DEFAULT 0,
    done            bigint NOT NULL DEFAULT 0,
    failed          bigint NOT NULL DEFAULT 0,
    skipped         bigint NOT NULL DEFAULT 0,
    failure         text NOT NULL DEFAULT '',
    created_by      text NOT NULL,
    created_at      {time} NOT NULL,
    -- Whose rights it works with: who started it.
    actor_kind      text NOT NULL DEFAULT '',
    actor_id        text NOT NULL DEFAULT '',
    actor_name      text NOT NULL DEFAULT '',
    started_at      {time},
    finished_at     {time}
);
CREATE INDEX bulk_operations_partition ON bulk_operations (partition_id, id);
CREATE INDEX bulk_operations_drafts ON bulk_operations (created_at) WHERE state IN ('PREPARING', 'DRAFT');

CREATE TABLE bulk_items (
    operation_id   text NOT NULL REFERENCES bulk_operations(id),
    position       bigint NOT NULL,
    -- What the input said: a serial number, a subject, a file name.
    what           text NOT NULL,
    state          text NOT NULL,
    -- Found or made; '' when none.
    certificate_id text NOT NULL DEFAULT '',
    reason         bigint NOT NULL DEFAULT 0,
    -- Of an issuance, JSON.
    request        text NOT NULL DEFAULT '',
    result         text NOT NULL DEFAULT '',
    note           text NOT NULL DEFAULT '',
    PRIMARY KEY (operation_id, position)
);
CREATE INDEX bulk_items_pending ON bulk_items (operation_id, position) WHERE state = 'PENDING';
CREATE INDEX bulk_items_result ON bulk_items (operation_id, result, position);

-- Who is told of what expires, and when.
CREATE TABLE notification_settings (
    partition_id text PRIMARY KEY REFERENCES partitions(id),
    days         text NOT NULL,
    recipients   text NOT NULL
);
CREATE TABLE webhooks (
    id              text PRIMARY KEY,
    partition_id    text NOT NULL REFERENCES partitions(id),
    name            text NOT NULL,
    url             text NOT NULL,
    secret          {bytes},
    created_by      text NOT NULL,
    created_at      {time} NOT NULL,
    last_success_at {time},
    last_error      text NOT NULL DEFAULT ''
);
CREATE INDEX webhooks_partition ON webhooks (partition_id);
-- One row for each thing and day-mark that was told of, so that it is told once.
CREATE TABLE notification_marks (
    partition_id text NOT NULL,
    kind         text NOT NULL,
    object_id    text NOT NULL,
    expires_at   {time} NOT NULL,
    days         bigint NOT NULL,
    PRIMARY KEY (kind, object_id, expires_at, days)
);
CREATE INDEX notification_marks_expiry ON notification_marks (expires_at);
CREATE TABLE webhook_deliveries (
    id           text PRIMARY KEY,
    webhook_id   text NOT NULL REFERENCES webhooks(id),
    event        text NOT NULL,
    body         text NOT NULL,
    state        text NOT NULL,
    attempts     bigint NOT NULL DEFAULT 0,
    last_error   text NOT NULL DEFAULT '',
    created_at   {time} NOT NULL,
    delivered_at {time}
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
