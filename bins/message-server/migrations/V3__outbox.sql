-- Tasks that this server took while the log was out of reach. Unlike the other
-- tables this one does not follow from the log: no other server has these rows,
-- and filling the database anew must keep them.
CREATE TABLE outbox (
    -- The order in which they came in: an account's tasks leave in this order.
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Made by the client: the idempotency key of the send.
    task uuid NOT NULL UNIQUE,
    sender text COLLATE "C" NOT NULL,
    -- The encoded task, as the client made it.
    content bytea NOT NULL,
    -- This server's clock when it took the task, in milliseconds since the Unix
    -- epoch. For people, and for a metric; decides nothing.
    queued_at bigint NOT NULL,
    -- The code of the refusal that the task met on its way, for its sender to
    -- learn; null while it waits.
    refused text,
    -- What the refusal is about, and its words.
    refused_names text[] NOT NULL DEFAULT '{}',
    refused_message text NOT NULL DEFAULT '',
    -- When it was refused: the record is kept for a while.
    refused_at bigint,
    CHECK ((refused IS NULL) = (refused_at IS NULL))
);

-- What waits, by account and in order.
CREATE INDEX outbox_waiting ON outbox (sender, place) WHERE refused IS NULL;
