-- Sessions of the website, and a cache of its accounts' tasks.
--
-- Only the sessions are lost with this database: the cache fills itself again
-- from the message servers, from position 0.

CREATE TABLE session (
    -- SHA-256 of the id in the browser's cookie. The id itself is stored nowhere.
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    -- Whose session it is.
    account text COLLATE "C" NOT NULL,
    -- The token of the log-in, sealed with a key that is derived from the id: without the cookie nobody can open it.
    sealed_token bytea NOT NULL,
    -- What the browser calls itself, cut; for the list of sessions.
    agent text NOT NULL,
    -- The website's clock at the log-in, in milliseconds since the Unix epoch.
    created_at bigint NOT NULL,
    -- The last use, to the minute, in milliseconds since the Unix epoch.
    seen_at bigint NOT NULL
);

CREATE INDEX session_account ON session (account, created_at);

CREATE TABLE cache_view (
    -- Whose cache.
    account text COLLATE "C" NOT NULL,
    -- Which of the account's views: inbox or sent.
    view text COLLATE "C" NOT NULL CHECK (view IN ('inbox', 'sent')),
    -- Everything of the view that changed up to this position is cached. 0: nothing yet.
    cursor bigint NOT NULL DEFAULT 0 CHECK (cursor >= 0),
    -- The greatest position at which a cached task of the view changed. Pages are told when it moves.
    latest bigint NOT NULL DEFAULT 0 CHECK (latest >= 0),
    PRIMARY KEY (account, view)
);

CREATE TABLE cached_task (
    -- In whose cache it stands.
    account text COLLATE "C" NOT NULL,
    -- The task's id.
    id uuid NOT NULL,
    -- Whether the account was asked.
    received boolean NOT NULL,
    -- Whether the account asks.
    sent boolean NOT NULL,
    -- Who asks.
    sender text COLLATE "C" NOT NULL,
    -- The sender's own number of it.
    number bigint NOT NULL,
    -- Its place in the log.
    position bigint NOT NULL,
    -- The place of its latest change. A row is only ever replaced by a later one.
    changed bigint NOT NULL,
    -- When it was sent, in milliseconds since the Unix epoch.
    sent_at bigint NOT NULL,
    -- The hash chain of its sender after it.
    hash bytea NOT NULL,
    -- What is wanted, in one line.
    title text NOT NULL,
    -- What kind of answer is wanted: do, decide, answer, review, read or note.
    kind text COLLATE "C" NOT NULL,
    -- 1 highest, 5 normal, 9 lowest; unset counts as normal.
    importance smallint NOT NULL,
    -- When it is wanted, as the sender wrote it.
    due text COLLATE "C",
    -- The same as a moment, in milliseconds since the Unix epoch, if it is one everywhere.
    due_at bigint,
    -- The same on the reader's own clock, in milliseconds as if that were UTC, if it is floating or a day (its end).
    due_civil bigint,
    -- Not before: as due_at.
    start_at bigint,
    -- Not before: as due_civil.
    start_civil bigint,
    -- How it stands with this account, if it was asked: needs_action, accepted, in_process, completed, declined,
    -- closed or withdrawn.
    state text COLLATE "C" NOT NULL,
    -- How many of those who were asked have said anything.
    answered smallint NOT NULL,
    -- Whether nobody who was asked has anything left to do.
    settled boolean NOT NULL,
    -- The sender's labels.
    labels text[] NOT NULL,
    -- Who was asked, in the sender's order.
    recipients text[] NOT NULL,
    -- The encoded task, as its sender made it.
    content bytea NOT NULL,
    -- The encoded asks: how it stands with each recipient.
    asks bytea NOT NULL,
    -- The servers that held it when it was retrieved.
    held_by uuid[] NOT NULL,
    -- What the search looks at beside the title: names and labels, then the body.
    keywords text NOT NULL,
    -- The body, for the search.
    body text NOT NULL,
    -- The title counts most, then names and labels, then the body.
    search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', title), 'A')
        || setweight(to_tsvector('simple', keywords), 'B')
        || setweight(to_tsvector('simple', body), 'C')
    ) STORED,
    PRIMARY KEY (account, id)
);

CREATE INDEX cached_task_received ON cached_task (account, position) WHERE received;
CREATE INDEX cached_task_sent ON cached_task (account, position) WHERE sent;
CREATE INDEX cached_task_search ON cached_task USING gin (search);

CREATE TABLE cached_person (
    -- In whose cache.
    account text COLLATE "C" NOT NULL,
    -- Somebody that the account has exchanged tasks with.
    name text COLLATE "C" NOT NULL,
    -- The latest such task's position.
    latest bigint NOT NULL,
    PRIMARY KEY (account, name)
);
