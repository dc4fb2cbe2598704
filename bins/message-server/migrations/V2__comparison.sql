-- Where the comparison with the other servers stands, and what came of it.
CREATE TABLE comparison (
    -- Holds the table to one row.
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The walk over all rows goes on after this task, and after this account.
    task_after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    account_after text COLLATE "C" NOT NULL DEFAULT '',
    -- When rows were last compared and none differed, in milliseconds since the
    -- Unix epoch. Shown, never compared.
    compared_at bigint,
    -- What was found to differ here, in words. While this is set, the server
    -- does not serve: only filling its database anew takes it away.
    fork text
);
INSERT INTO comparison DEFAULT VALUES;
