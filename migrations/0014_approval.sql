-- +goose Up
-- What needs the approval of other people in a partition; nothing does without a row.
CREATE TABLE approval_rules (
    partition_id text NOT NULL REFERENCES partitions(id),
    operation    text NOT NULL,
    -- Of ISSUE, JSON; an empty list is every profile.
    profile_ids  text NOT NULL,
    needed       bigint NOT NULL,
    hours        bigint NOT NULL,
    PRIMARY KEY (partition_id, operation)
);

-- What somebody asked for, exactly, and what became of it.
CREATE TABLE approvals (
    id              text PRIMARY KEY,
    partition_id    text NOT NULL REFERENCES partitions(id),
    operation       text NOT NULL,
    -- Which verb carries it out, with the payload (JSON) as its argument; the digest is over both and the requester.
    verb            text NOT NULL,
    payload         text NOT NULL,
    digest          text NOT NULL,
    -- For people; facts are JSON.
    summary         text NOT NULL,
    facts           text NOT NULL,
    -- What it is about, or, once DONE, what it made; '' until there is any.
    object_kind     text NOT NULL,
    object_id       text NOT NULL DEFAULT '',
    -- What those who decide must hold, JSON, and how many of them.
    permissions     text NOT NULL,
    needed          bigint NOT NULL,
    state           text NOT NULL,
    reason          text NOT NULL DEFAULT '',
    requested_by    text NOT NULL,
    requested_by_id text NOT NULL,
    actor_kind      text NOT NULL,
    -- The person behind it: the requester, or who made the API token; '' where nobody is known.
    owner_id        text NOT NULL,
    ip_address      text NOT NULL,
    request_id      text NOT NULL,
    requested_at    {time} NOT NULL,
    expires_at      {time} NOT NULL,
    decided_at      {time},
    -- When those who can decide were written to.
    told_at         {time}
);
CREATE INDEX approvals_partition ON approvals (partition_id, id);
CREATE INDEX approvals_object ON approvals (partition_id, object_id) WHERE object_id <> '';
-- The same question is asked once at a time.
CREATE UNIQUE INDEX approvals_pending ON approvals (partition_id, digest) WHERE state = 'PENDING';

CREATE TABLE approval_votes (
    approval_id text NOT NULL REFERENCES approvals(id),
    user_id     text NOT NULL,
    name        text NOT NULL,
    approves    boolean NOT NULL,
    comment     text NOT NULL,
    voted_at    {time} NOT NULL,
    PRIMARY KEY (approval_id, user_id)
);

-- Who answers for what a token asks: nobody approves their own by another way in.
ALTER TABLE api_tokens ADD COLUMN owner_id text NOT NULL DEFAULT '';
UPDATE api_tokens SET owner_id = COALESCE((SELECT id FROM users WHERE users.email = api_tokens.created_by), '');

-- Approvals take the place of proposals of roots. What waited is to be asked for again.
UPDATE certification_authorities SET status = 'FAILED', creation_failure = 'It waited for a second person while the service was upgraded. Ask for it again.' WHERE status = 'PROPOSED';
UPDATE certification_authorities SET renewal = '', renewal_not_after = NULL WHERE proposal_kind = 'RENEW';
ALTER TABLE certification_authorities DROP COLUMN proposal_kind;
ALTER TABLE certification_authorities DROP COLUMN proposal_store;
ALTER TABLE certification_authorities DROP COLUMN proposed_by;
ALTER TABLE certification_authorities DROP COLUMN proposed_by_id;
ALTER TABLE certification_authorities DROP COLUMN proposed_at;
