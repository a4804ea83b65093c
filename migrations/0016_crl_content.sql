-- +goose Up
-- Hash of what a list says, whatever its number and dates: one that would say the same again is not signed anew. Null in
-- lists of before.
ALTER TABLE crl_lists ADD COLUMN content {bytes};
