-- +goose Up
-- A token of a service is tied to nobody. A personal one may do what its role and the roles of its owner both permit; one whose
-- owner is not known may do nothing. Those that the service made itself, for the demo, were made knowingly.
ALTER TABLE api_tokens ADD COLUMN service boolean NOT NULL DEFAULT false;
UPDATE api_tokens SET service = true WHERE owner_id = '' AND created_by = 'system';

-- When the person last showed a password or second factor in the session.
ALTER TABLE sessions ADD COLUMN proved_at {time};

-- With whose rights a campaign revokes what was not renewed.
ALTER TABLE renewal_campaigns ADD COLUMN actor_kind text NOT NULL DEFAULT 'user';
ALTER TABLE renewal_campaigns ADD COLUMN actor_id text NOT NULL DEFAULT '';
UPDATE renewal_campaigns SET actor_id = COALESCE((SELECT id FROM users WHERE users.email = renewal_campaigns.created_by), '');
