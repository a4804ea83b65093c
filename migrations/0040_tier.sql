-- +goose Up
-- Whether an operator set the tier; otherwise it follows the purchased number of certificates.
ALTER TABLE subscriptions ADD COLUMN tier_set boolean NOT NULL DEFAULT false;
UPDATE subscriptions SET tier_set = tier <> CASE WHEN purchased_certificates >= 1000000 THEN 'PREMIUM' ELSE 'STANDARD' END;
