-- The caches of accounts that nobody looks at here any more are dropped.
--
-- The release before this one neither writes nor reads the column.

ALTER TABLE cache_view
    -- Since when the account has had no session, as the sweep found it, in milliseconds since the Unix epoch.
    -- Empty: it has one, or no sweep has looked yet.
    ADD COLUMN idle_since bigint;
