-- Who this server is (paper, section 4.2.2): made at its first start, kept for good.
CREATE TABLE server_identity (
    -- Holds the table to one row.
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The server's id in every message.
    id uuid NOT NULL
);

-- How far this database has applied the log.
CREATE TABLE replica_cursor (
    -- The stream's name.
    stream text PRIMARY KEY,
    -- The stream's incarnation: another one is another log, whatever its name.
    incarnation uuid NOT NULL,
    -- Everything up to this position is committed here.
    applied bigint NOT NULL CHECK (applied >= 0)
);
