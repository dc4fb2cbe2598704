-- What people do with tasks, and what they note for themselves.
--
-- The cache is emptied: it fills itself again with everything that is new here.

TRUNCATE cached_task, cache_view, cached_person;

ALTER TABLE cached_task
    -- How it stands as a whole: needs_action, in_process, completed or cancelled.
    ADD COLUMN status text COLLATE "C" NOT NULL,
    -- Recipients have declined, and the others cannot complete it.
    ADD COLUMN needs_sender boolean NOT NULL,
    -- 0 at the send, one more at each revision.
    ADD COLUMN revision bigint NOT NULL,
    -- How many comments it has.
    ADD COLUMN comments bigint NOT NULL,
    -- How often the sender has reminded.
    ADD COLUMN reminders bigint NOT NULL,
    -- How far this account is with it, in percent, if it was asked.
    ADD COLUMN percent smallint NOT NULL,
    -- How it stands with each recipient, in the order of recipients: words as in state.
    ADD COLUMN states text[] NOT NULL,
    -- What the account notes for itself, encoded.
    ADD COLUMN note bytea NOT NULL,
    -- Whether others did something that the account has not read.
    ADD COLUMN unread boolean NOT NULL,
    -- The account's own labels.
    ADD COLUMN own_labels text[] NOT NULL,
    -- Out of sight until then: as due_at, but a day begins with its first second.
    ADD COLUMN snoozed_at bigint,
    -- The same on the reader's own clock: as due_civil.
    ADD COLUMN snoozed_civil bigint;
