-- +goose Up
-- What one request can ask a configuration of an enrollment protocol for: an ACME profile, an EST label, a template.
CREATE TABLE protocol_offerings (
    id               text PRIMARY KEY,
    configuration_id text NOT NULL REFERENCES protocol_configurations(id),
    -- The order in which they are listed; the first is for requests that name none.
    position         bigint NOT NULL,
    name             text NOT NULL,
    ca_id            text NOT NULL REFERENCES certification_authorities(id),
    profile_id       text NOT NULL,
    -- What requests are held to, JSON.
    rules            text NOT NULL,
    created_at       {time} NOT NULL,
    UNIQUE (configuration_id, name)
);
CREATE INDEX protocol_offerings_ca ON protocol_offerings (ca_id);

-- The CA and the profile that a configuration had.
INSERT INTO protocol_offerings (id, configuration_id, position, name, ca_id, profile_id, rules, created_at)
SELECT id, id, 0, profile_id, ca_id, profile_id, '{}', created_at FROM protocol_configurations;

-- The other profiles that orders of ACME could name.
INSERT INTO protocol_offerings (id, configuration_id, position, name, ca_id, profile_id, rules, created_at)
{sqlite} SELECT c.id || '-' || (min(p.key) + 1), c.id, min(p.key) + 1, p.value, c.ca_id, p.value, '{}', c.created_at
{sqlite} FROM protocol_configurations c, json_each(c.settings, '$.profiles') p
{postgres} SELECT c.id || '-' || min(p.key), c.id, min(p.key), p.value, c.ca_id, p.value, '{}', c.created_at
{postgres} FROM protocol_configurations c, jsonb_array_elements_text(CASE jsonb_typeof(c.settings::jsonb -> 'profiles') WHEN 'array' THEN c.settings::jsonb -> 'profiles' ELSE '[]' END) WITH ORDINALITY p (value, key)
WHERE c.type = 'ACME' AND p.value <> c.profile_id GROUP BY c.id, c.ca_id, c.created_at, p.value;
{sqlite} UPDATE protocol_configurations SET settings = json_remove(settings, '$.profiles') WHERE type = 'ACME';
{postgres} UPDATE protocol_configurations SET settings = (settings::jsonb - 'profiles')::text WHERE type = 'ACME';

DROP INDEX protocol_configurations_ca;
ALTER TABLE protocol_configurations DROP COLUMN ca_id;
ALTER TABLE protocol_configurations DROP COLUMN profile_id;

-- The offering that an order is for. Its profile is the name of the offering from now on, which so far is the same.
ALTER TABLE acme_orders ADD COLUMN offering_id text NOT NULL DEFAULT '';
UPDATE acme_orders SET offering_id = COALESCE((SELECT o.id FROM protocol_offerings o WHERE o.configuration_id = acme_orders.configuration_id AND o.name = acme_orders.profile), '');

-- The offering that a certificate was issued by; NULL where it was none, and on certificates of before.
ALTER TABLE certificates ADD COLUMN offering_id text;
