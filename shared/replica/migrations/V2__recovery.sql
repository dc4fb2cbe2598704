-- The servers that this one has ever replicated with: who must be asked before
-- a lost log is made anew. One that is destroyed is taken out.
CREATE TABLE replica_peer (
    -- The stream that both follow.
    stream text NOT NULL,
    -- The other server.
    id uuid NOT NULL,
    PRIMARY KEY (stream, id)
);

-- The lost logs that the one in replica_cursor continues.
CREATE TABLE replica_lineage (
    -- The stream's name.
    stream text NOT NULL,
    -- 0 is the log that was continued last.
    place integer NOT NULL CHECK (place >= 0),
    -- The incarnation of the lost log.
    incarnation uuid NOT NULL,
    -- It was continued from here: nothing after it was kept.
    through bigint NOT NULL CHECK (through >= 0),
    PRIMARY KEY (stream, place)
);
