//! The statements of the comparison.

/// An account with more entries than that is large.
macro_rules! few_entries {
    () => {
        "1000"
    };
}

/// The same, as a number.
pub const FEW_ENTRIES: i64 = 1_000;

/// Tasks that `$from` selects, each with a hash over its changes, and whether each
/// of these agrees with the account's hash chain.
macro_rules! tasks {
    ($name:literal, $from:literal) => {
        concat!(
            $name,
            "
    SELECT id, sender, number, position, changed, epoch, sent_at, hash, previous, content,
           revised, revision, withdrawn, status, needs_sender, comments, reminders,
           coalesce(public, position) AS public, coalesce(actor, sender) AS actor,
           changes, chained
    FROM (",
            $from,
            ") AS t,
    LATERAL (
        SELECT sha256(coalesce(string_agg(uuid_send(c.id) || int8send(c.position) || c.hash
                                          || sha256(c.content), ''::bytea ORDER BY c.position),
                               ''::bytea)) AS changes,
               coalesce(bool_and(c.hash = sha256(c.previous || int8send(c.number) || c.content)),
                        true) AS chained
        FROM change AS c WHERE c.task = t.id
    ) AS history"
        )
    };
}

/// Accounts that `$from` selects, with the latest entry of each, and how many there
/// are, if they are few: to count a large account's would be to read all of them.
macro_rules! accounts {
    ($name:literal, $from:literal) => {
        concat!(
            $name,
            "
    SELECT a.name, a.epoch, a.number, a.head, a.latest, l.number AS latest_number,
           l.hash AS latest_hash, l.epoch AS latest_epoch,
           CASE WHEN a.number <= ",
            few_entries!(),
            " THEN
               (SELECT count(*)
                FROM (SELECT FROM task WHERE sender = a.name LIMIT ",
            few_entries!(),
            " + 1) AS sent)
               + (SELECT count(*)
                  FROM (SELECT FROM change WHERE account = a.name LIMIT ",
            few_entries!(),
            " + 1) AS done)
           END AS entries
    FROM account AS a
    LEFT JOIN LATERAL (
        SELECT number, hash, epoch FROM task WHERE position = a.latest AND sender = a.name
        UNION ALL
        SELECT number, hash, epoch FROM change WHERE position = a.latest AND account = a.name
    ) AS l ON true
    WHERE ",
            $from
        )
    };
}

pub(super) const WALK_TASKS: &str = tasks!(
    "-- compare: walk over tasks",
    "
        SELECT * FROM (
            SELECT *, sum(octet_length(content)) OVER (ORDER BY id) AS bytes
            FROM (SELECT * FROM task WHERE id > $1 ORDER BY id LIMIT $2) AS following
        ) AS measured
        WHERE bytes - octet_length(content) <= $3"
);

pub(super) const RECENT_TASKS: &str = tasks!(
    "-- compare: latest tasks",
    "
        SELECT * FROM (
            SELECT *, sum(octet_length(content)) OVER (ORDER BY position DESC) AS bytes
            FROM (SELECT * FROM task ORDER BY position DESC LIMIT $1) AS latest
        ) AS measured
        WHERE bytes - octet_length(content) <= $2"
);

pub(super) const THESE_TASKS: &str = tasks!(
    "-- compare: these tasks",
    "SELECT * FROM task WHERE id = ANY($1)"
);

pub(super) const WALK_ACCOUNTS: &str = accounts!(
    "-- compare: walk over accounts",
    "a.name > $1 ORDER BY a.name LIMIT $2"
);

pub(super) const THESE_ACCOUNTS: &str = accounts!("-- compare: these accounts", "a.name = ANY($1)");

pub(super) const ASKS: &str = "-- compare: asks
    SELECT task, recipient, place, state, percent, answer, reason, before_state, before_percent,
           before_answer, before_reason, changed
    FROM ask WHERE task = ANY($1) ORDER BY task, place, recipient";

pub(super) const NOTES: &str = "-- compare: notes
    SELECT task, account, labels, coalesce(snoozed_until, '') AS snoozed_until, read
    FROM note WHERE task = ANY($1) ORDER BY task, account";

/// Of each large account, how many of its entries up to `$2` belong to the tasks
/// `$1`, and the highest of their numbers.
pub(super) const COUNT_ENTRIES: &str = concat!(
    "-- compare: entries of large accounts
    SELECT a.name, count(*) AS entries, max(e.number) AS highest
    FROM (
        SELECT sender AS account, number FROM task WHERE id = ANY($1) AND position <= $2
        UNION ALL
        SELECT account, number FROM change WHERE task = ANY($1) AND position <= $2
    ) AS e
    JOIN account AS a ON a.name = e.account AND a.number > ",
    few_entries!(),
    "
    GROUP BY a.name"
);
