-- What people do with tasks once they are sent. Columns that are new in a table
-- have the value that a task has right after its send.

-- The position of the account's latest entry; null if an earlier release applied it.
ALTER TABLE account ADD COLUMN latest bigint;

ALTER TABLE task
    -- The head of the sender's chain before the send; null if an earlier release applied it.
    ADD COLUMN previous bytea,
    -- The encoded task as last revised; null before the first revision.
    ADD COLUMN revised bytea,
    -- 0 at the send, one more at each revision.
    ADD COLUMN revision integer NOT NULL DEFAULT 0,
    -- Whether the sender no longer wants it.
    ADD COLUMN withdrawn boolean NOT NULL DEFAULT false,
    -- How it stands as a whole: 0 needs action, 1 in process, 2 completed, 3 cancelled.
    -- Follows from its asks.
    ADD COLUMN status smallint NOT NULL DEFAULT 0,
    -- Whether recipients have declined what the others cannot complete.
    ADD COLUMN needs_sender boolean NOT NULL DEFAULT false,
    ADD COLUMN comments integer NOT NULL DEFAULT 0,
    ADD COLUMN reminders integer NOT NULL DEFAULT 0,
    -- The position of the latest change that everybody concerned sees, and whose
    -- it was; null while that is the send.
    ADD COLUMN public bigint,
    ADD COLUMN actor text COLLATE "C";

-- How an ask stands: 0 needs action, 1 accepted, 2 in process, 3 completed,
-- 4 declined, 5 closed, 6 withdrawn.
ALTER TABLE ask
    ADD COLUMN percent smallint NOT NULL DEFAULT 0,
    -- The encoded answer, once completed.
    ADD COLUMN answer bytea,
    -- Why it was declined, withdrawn or asked again.
    ADD COLUMN reason text NOT NULL DEFAULT '',
    -- How it stood before, if that can come back: state, percent, answer, reason.
    ADD COLUMN before_state smallint,
    ADD COLUMN before_percent smallint,
    ADD COLUMN before_answer bytea,
    ADD COLUMN before_reason text;

-- What an account notes about a task for itself.
CREATE TABLE note (
    task uuid NOT NULL,
    account text COLLATE "C" NOT NULL,
    -- Its own labels, one per line.
    labels text NOT NULL,
    -- Out of sight until then, as on the wire.
    snoozed_until text,
    -- It has read everything up to this position; 0 for unread.
    read bigint NOT NULL,
    PRIMARY KEY (task, account)
);

-- A change of a task that was accepted.
CREATE TABLE change (
    -- Made by the client: the idempotency key of the change, for good.
    id uuid PRIMARY KEY,
    task uuid NOT NULL,
    -- Who did it.
    account text COLLATE "C" NOT NULL,
    -- The account's own number of it.
    number bigint NOT NULL CHECK (number >= 1),
    -- Its place in the log.
    position bigint NOT NULL UNIQUE CHECK (position > 0),
    -- The epoch in which the account's home accepted it.
    epoch bigint NOT NULL,
    -- The home's clock, in milliseconds since the Unix epoch. Shown, never compared.
    at bigint NOT NULL,
    -- The heads of the account's chain after it and before it.
    hash bytea NOT NULL,
    previous bytea NOT NULL,
    -- Whether only the account itself sees it.
    private boolean NOT NULL,
    -- The encoded change, as the client made it.
    content bytea NOT NULL
);

-- The history of a task, in order.
CREATE INDEX change_by_task ON change (task, position);

-- The changes that an account made: its entries are counted.
CREATE INDEX change_by_account ON change (account, position);
