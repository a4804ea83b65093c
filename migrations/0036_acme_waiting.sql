-- +goose Up
-- Orders that others are to approve; the order is 'processing' meanwhile.
CREATE TABLE acme_waiting_orders (
    order_id    text PRIMARY KEY REFERENCES acme_orders(id),
    approval_id text NOT NULL REFERENCES approvals(id),
    since       {time} NOT NULL
);
CREATE UNIQUE INDEX acme_waiting_orders_approval ON acme_waiting_orders (approval_id);

-- Who answers for what a key's accounts order: nobody approves their own by another way in.
ALTER TABLE acme_external_keys ADD COLUMN owner_id text NOT NULL DEFAULT '';
UPDATE acme_external_keys SET owner_id = COALESCE((SELECT id FROM users WHERE users.email = acme_external_keys.created_by), '');

-- Accounts that their clients deactivated have given their place back.
UPDATE acme_external_keys SET accounts = (SELECT COUNT(*) FROM acme_accounts WHERE acme_accounts.external_key_id = acme_external_keys.id AND acme_accounts.status = 'valid');
