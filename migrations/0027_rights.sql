-- +goose Up
-- A token of a service is tied to nobody. Those there are become personal ones, which may do what their role and the roles of
-- their owner both permit; one whose owner is not known is refused.
ALTER TABLE api_tokens ADD COLUMN service boolean NOT NULL DEFAULT false;

-- When the person last showed a password or second factor in the session.
ALTER TABLE sessions ADD COLUMN proved_at {time};

-- With whose rights a campaign revokes what was not renewed.
ALTER TABLE renewal_campaigns ADD COLUMN actor_kind text NOT NULL DEFAULT 'user';
ALTER TABLE renewal_campaigns ADD COLUMN actor_id text NOT NULL DEFAULT '';
UPDATE renewal_campaigns SET actor_id = COALESCE((SELECT id FROM users WHERE users.email = renewal_campaigns.created_by), '');
