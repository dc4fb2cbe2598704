-- The last block that was applied from the stream of this incarnation: whatever the
-- stream becomes, it must hold this block there as long as it reaches back to it.
-- Null if there is none that is known: nothing was applied from the stream yet, only
-- pages of a neighbour, or all of it by a release that did not write it.
ALTER TABLE replica_cursor
    ADD COLUMN block_sequence bigint CHECK (block_sequence > 0),
    -- The message id that its root gave it; null if it has none. Bytes, because a
    -- header may hold what text may not.
    ADD COLUMN block_id bytea,
    ADD CONSTRAINT replica_cursor_block CHECK (block_id IS NULL OR block_sequence IS NOT NULL);
