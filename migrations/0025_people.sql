-- +goose Up
-- An invitation belongs to one domain and confirms the roles of that domain alone. Before, there was one pending account
-- for all domains, and one link confirmed all of its roles.
CREATE TABLE invitations_before AS SELECT * FROM invitations;
DROP TABLE invitations;
CREATE TABLE invitations (
    id           text PRIMARY KEY,
    domain       text NOT NULL,
    email        text NOT NULL,
    first_name   text NOT NULL,
    last_name    text NOT NULL,
    -- JSON
    roles        text NOT NULL,
    -- Of the link; NULL once it has ended.
    token_hash   {bytes} UNIQUE,
    -- Who invited; '' where this was not kept.
    inviter_kind text NOT NULL,
    inviter_id   text NOT NULL,
    inviter      text NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time} NOT NULL,
    UNIQUE (domain, email)
);
CREATE INDEX invitations_email ON invitations (email);

-- A link keeps working where it can only mean one domain and nobody but its owner could read it: until now a partition's
-- Owners saw the mails that were not sent.
INSERT INTO invitations (id, domain, email, first_name, last_name, roles, token_hash, inviter_kind, inviter_id, inviter, created_at, expires_at)
SELECT CASE WHEN d.domains = 1 THEN u.id ELSE u.id || '-' || g.domain END, g.domain, u.email, u.first_name, u.last_name,
    COALESCE('["' || string_agg(CASE WHEN g.role <> 'NONE' THEN g.role END, '","') || '"]', '[]'),
    (SELECT b.token_hash FROM invitations_before b WHERE b.user_id = u.id AND d.domains = 1 AND d.unseen = 1 LIMIT 1),
    '', '', '', u.created_at,
    COALESCE((SELECT b.expires_at FROM invitations_before b WHERE b.user_id = u.id AND d.domains = 1 AND d.unseen = 1 LIMIT 1), u.created_at)
FROM users u
JOIN role_grants g ON g.user_id = u.id
JOIN (
    SELECT p.id, COUNT(DISTINCT r.domain) AS domains,
        CASE WHEN EXISTS (SELECT 1 FROM mails m WHERE m.recipient = p.email AND m.partition_id <> '' AND m.sent_at IS NULL) THEN 0 ELSE 1 END AS unseen
    FROM users p JOIN role_grants r ON r.user_id = p.id GROUP BY p.id, p.email
) d ON d.id = u.id
WHERE u.status = 'INVITED'
GROUP BY u.id, u.email, u.first_name, u.last_name, u.created_at, g.domain, d.domains, d.unseen;
DROP TABLE invitations_before;
DELETE FROM role_grants WHERE user_id IN (SELECT id FROM users WHERE status = 'INVITED');
DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE status = 'INVITED');
DELETE FROM users WHERE status = 'INVITED';

-- An authenticator app that is being enrolled, sealed: the one in force stays so until the new one is confirmed.
ALTER TABLE users ADD COLUMN totp_pending {bytes};
UPDATE users SET totp_pending = totp_secret, totp_secret = NULL WHERE totp_confirmed_at IS NULL;
-- Since when the person must prove the address before enrolling a second factor anew.
ALTER TABLE users ADD COLUMN second_factor_reset_at {time};
-- A code or link sent to somebody's address, by what it is good for.
CREATE TABLE address_proofs (
    user_id    text NOT NULL REFERENCES users(id),
    purpose    text NOT NULL,
    hash       {bytes} NOT NULL UNIQUE,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (user_id, purpose)
);

-- Failures are counted in sign_in_failures alone, by account and device and by address.
DELETE FROM sign_in_failures;
ALTER TABLE users DROP COLUMN failed_attempts;
ALTER TABLE users DROP COLUMN locked_until;
