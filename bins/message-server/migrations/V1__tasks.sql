-- An account, as the log makes it: every server derives the same row. Names are
-- compared byte by byte here, whatever the database's collation.
CREATE TABLE account (
    name text COLLATE "C" PRIMARY KEY,
    -- The highest epoch that an accepted entry carried: lower ones are refused.
    epoch bigint NOT NULL CHECK (epoch >= 0),
    -- The number of the account's latest accepted entry: 1, 2, 3 … without gaps.
    number bigint NOT NULL CHECK (number >= 1),
    -- The head of the account's hash chain after that entry (SHA-256).
    head bytea NOT NULL CHECK (octet_length(head) = 32)
-- Every entry updates its account's row: leave room to do so in place.
) WITH (fillfactor = 70);

-- A task that was sent.
CREATE TABLE task (
    -- Made by the client: the idempotency key of the send, for good.
    id uuid PRIMARY KEY,
    sender text COLLATE "C" NOT NULL,
    -- The sender's own number of the send.
    number bigint NOT NULL CHECK (number >= 1),
    -- The place of the send in the log.
    position bigint NOT NULL UNIQUE CHECK (position > 0),
    -- The position of the latest change.
    changed bigint NOT NULL CHECK (changed >= position),
    -- The epoch in which the sender's home accepted it.
    epoch bigint NOT NULL,
    -- The home's clock at the send, in milliseconds since the Unix epoch. Shown, never compared.
    sent_at bigint NOT NULL,
    -- The head of the sender's hash chain after the send.
    hash bytea NOT NULL,
    -- The encoded task, as the client made it.
    content bytea NOT NULL
);

-- What an account asked of others, by latest change.
CREATE INDEX task_by_sender ON task (sender, changed);

-- What one recipient was asked by one task.
CREATE TABLE ask (
    task uuid NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    -- The recipient's place in the task's list, from 0.
    place smallint NOT NULL,
    -- How it stands: 0 needs action.
    state smallint NOT NULL,
    -- The position of the latest change that this recipient sees.
    changed bigint NOT NULL,
    PRIMARY KEY (task, recipient)
);

-- What an account is asked by others, by latest change.
CREATE INDEX ask_by_recipient ON ask (recipient, changed);
