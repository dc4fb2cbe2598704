//! The statements that show tasks: each one sees one state of the database.

/// The columns of a task, for the account `$1`; `$changed` is what it sees.
macro_rules! columns {
    ($changed:literal) => {
        concat!(
            "task.id, task.sender, task.number, task.position, ",
            $changed,
            " AS changed, task.sent_at, task.hash,
            coalesce(task.revised, task.content) AS content, task.revision, task.status,
            task.needs_sender, task.comments, task.reminders,
            coalesce(task.actor, task.sender) = $1
                OR coalesce(note.read >= coalesce(task.public, task.position), false) AS read,
            coalesce(note.labels, '') AS labels, note.snoozed_until"
        )
    };
}

/// The tasks that `$tasks` selects, each with its asks as arrays, in the task's
/// order: one statement, so that both are of one state of the database. The asks
/// are read in one go, whatever the planner thinks of how many tasks there are.
macro_rules! with_asks {
    ($name:literal, $order:literal, $tasks:expr) => {
        concat!(
            $name,
            "
    WITH shown AS MATERIALIZED (
        ",
            $tasks,
            "
    ), asked AS MATERIALIZED (
        SELECT task, array_agg(recipient) AS recipients, array_agg(state) AS states,
               array_agg(percent) AS percents, array_agg(answer) AS answers,
               array_agg(reason) AS reasons
        FROM (
            SELECT * FROM ask WHERE task = ANY(ARRAY(SELECT id FROM shown)) ORDER BY task, place
        ) AS placed
        GROUP BY task
    )
    SELECT * FROM shown LEFT JOIN asked ON asked.task = shown.id ORDER BY ",
            $order
        )
    };
}

/// The tasks that `$from` selects, in the order of `$order`, until they exceed
/// `$4` bytes: at least one, and the last may go past it.
macro_rules! page {
    ($name:literal, $order:literal, $changed:literal, $from:literal) => {
        with_asks!(
            $name,
            $order,
            concat!(
                "SELECT *
        FROM (
            SELECT *, sum(octet_length(content)) OVER (ORDER BY ",
                $order,
                ") AS bytes
            FROM (
                SELECT ",
                columns!($changed),
                $from,
                ") AS chosen
        ) AS measured
        WHERE bytes - octet_length(content) <= $4"
            )
        )
    };
}

/// What an account is asked by others.
pub(super) const INBOX: &str = page!(
    "-- poll: inbox",
    "changed",
    "ask.changed",
    "
            FROM ask JOIN task ON task.id = ask.task
            LEFT JOIN note ON note.task = task.id AND note.account = $1
            WHERE ask.recipient = $1 AND ask.changed > $2
            ORDER BY ask.changed LIMIT $3
        "
);

/// What an account asked of others.
pub(super) const SENT: &str = page!(
    "-- poll: sent",
    "changed",
    "task.changed",
    "
            FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
            WHERE task.sender = $1 AND task.changed > $2
            ORDER BY task.changed LIMIT $3
        "
);

/// One task, if the account sent it or is asked by it.
pub(super) const ONE: &str = with_asks!(
    "-- poll: one",
    "changed",
    concat!(
        "SELECT ",
        // What the sender notes for itself changes nothing for a recipient.
        columns!("CASE WHEN task.sender = $1 THEN task.changed ELSE ask.changed END"),
        "
        FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
        LEFT JOIN ask ON ask.task = task.id AND ask.recipient = $1
        WHERE task.id = $2 AND (task.sender = $1 OR ask.recipient = $1)"
    )
);

/// Those of the tasks `$2` that the account has to do with, as its sender if `$3`,
/// the latest sent first.
pub(super) const THESE: &str = page!(
    "-- poll: these",
    "position DESC",
    "CASE WHEN $3::boolean THEN task.changed ELSE ask.changed END",
    "
                FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
                LEFT JOIN ask ON ask.task = task.id AND ask.recipient = $1
                WHERE task.id = ANY($2::uuid[]) AND (task.sender = $1 OR ask.recipient = $1)
        "
);

/// What was done with the task `$2`, as far as the account `$1` sees it.
pub(super) const HISTORY: &str = "-- poll: history
    SELECT * FROM (
        SELECT position, true AS is_send, sender AS account, number, sent_at AS at, content
        FROM task WHERE id = $2
        UNION ALL
        SELECT position, false, account, number, at, content
        FROM change WHERE task = $2 AND (NOT private OR account = $1)
    ) AS step
    WHERE position > $3
      AND EXISTS (SELECT FROM task WHERE id = $2 AND sender = $1
                  UNION ALL SELECT FROM ask WHERE task = $2 AND recipient = $1)
    ORDER BY position LIMIT $4";
