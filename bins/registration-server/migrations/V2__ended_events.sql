-- Log-ins and log-outs need not be kept for good: see `rules::kept_after`.

-- The place in the accounts log from which on this entry no longer matters: for
-- a log-in, where its token ended; for a log-out, its own place. Null: it still
-- matters, or was applied by a release that did not note it.
ALTER TABLE account_event ADD COLUMN ended bigint CHECK (ended >= position);

CREATE INDEX account_event_ended ON account_event (ended) WHERE ended IS NOT NULL;
