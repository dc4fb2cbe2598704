-- Searches are answered by the message servers (FIND_TASKS), and no longer by the cache.
--
-- The columns keywords, body and search were for them. The release before this one
-- still writes and reads them, and may run beside this one; a later one drops them.

ALTER TABLE cached_task ALTER COLUMN keywords SET DEFAULT '';
ALTER TABLE cached_task ALTER COLUMN body SET DEFAULT '';
DROP INDEX cached_task_search;
