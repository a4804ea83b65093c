-- +goose Up
-- When the password was set by a mailed link, until a complete sign-in follows: till then it proves no more than the mailbox.
ALTER TABLE users ADD COLUMN password_reset_at {time};
