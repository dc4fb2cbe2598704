-- What FIND_TASKS looks through. It follows from the other tables, and is filled
-- behind the log, by each server for itself: it is never compared with others',
-- and no work of applying the log. It may be emptied at any time, and fills itself
-- again: TRUNCATE task_search, task_listed. A release that takes other words from a
-- task does so in its migration.

-- A task, with its words, and with what it is chosen by and that only a revision
-- changes. How it stands is in the tables that the log is applied to.
CREATE TABLE task_search (
    -- The place of the send in the log.
    position bigint PRIMARY KEY,
    task uuid NOT NULL,
    -- The revision that the rest was taken from.
    revision integer NOT NULL,
    -- 0 do, 1 decide, 2 answer, 3 review, 4 read, 5 note.
    kind smallint NOT NULL,
    importance smallint NOT NULL,
    -- The first and the last second of the due date on its own clock, counted
    -- from 1970 on that clock; null without one.
    due_first bigint,
    due_last bigint,
    -- The sender's labels.
    labels text[] COLLATE "C" NOT NULL,
    -- Whose lists it is in: i: and a recipient, s: and the sender.
    lists text[] COLLATE "C" NOT NULL,
    words tsvector NOT NULL
);

-- Both in one index: only what is in both is ever fetched. What is new waits in
-- a short list, which every search reads.
CREATE INDEX task_search_words ON task_search USING gin (lists, words)
    WITH (gin_pending_list_limit = 512);

-- A task in one list of one account, in the order of the list: what a search
-- without words reads, with the same to choose by.
CREATE TABLE task_listed (
    account text COLLATE "C" NOT NULL,
    -- Whether it is in the list of what the account sent, or in its inbox.
    sent boolean NOT NULL,
    -- The place of the send in the log: the order of the list.
    position bigint NOT NULL,
    task uuid NOT NULL,
    kind smallint NOT NULL,
    importance smallint NOT NULL,
    due_first bigint,
    due_last bigint,
    -- Who is at the other end: the sender, or all recipients.
    others text[] COLLATE "C" NOT NULL,
    labels text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (account, sent, position)
);

-- What accounts have labelled and snoozed: little of what they have.
CREATE INDEX note_labelled ON note (account) WHERE labels <> '';
CREATE INDEX note_snoozed ON note (account) WHERE snoozed_until IS NOT NULL;

-- How far the two tables are filled.
CREATE TABLE search_cursor (
    -- Holds the table to one row.
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Every send and revision up to this position of the log is in them.
    indexed bigint NOT NULL
);
INSERT INTO search_cursor (indexed) VALUES (0);
