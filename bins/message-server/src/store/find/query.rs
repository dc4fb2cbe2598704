//! The queries of a search.

/// How far the index reaches, 0 if it was emptied, and whether nothing of an
/// account's list has changed since.
macro_rules! standing {
    ($name:literal, $changed:literal) => {
        concat!(
            $name,
            "
    SELECT indexed, NOT EXISTS (",
            $changed,
            " > indexed) AS complete
    FROM (SELECT coalesce((",
            cursor!(),
            "), 0) AS indexed) AS cursor"
        )
    };
}

pub(super) const INBOX_STANDING: &str = standing!(
    "-- find: standing of an inbox",
    "SELECT FROM ask WHERE recipient = $1 AND changed"
);
pub(super) const SENT_STANDING: &str = standing!(
    "-- find: standing of what was sent",
    "SELECT FROM task WHERE sender = $1 AND changed"
);

/// The candidates of a list before the position `$2`, the latest first, at most
/// `$3`: all of them.
macro_rules! all {
    ($sent:literal) => {
        concat!(
            "SELECT * FROM task_listed
        WHERE account = $1 AND sent = ",
            $sent,
            " AND position < $2
        ORDER BY position DESC LIMIT $3"
        )
    };
}

/// The same, only those that hold the words `$words`. The sums keep Postgres from
/// reading all tasks of everybody in the order of their positions instead.
macro_rules! holding {
    ($list:literal, $words:literal) => {
        concat!(
            "SELECT position + 0 AS position, task, kind, importance, due_first, due_last, labels, lists
        FROM task_search
        WHERE lists @> ARRAY[",
            $list,
            " || $1] AND words @@ CAST(",
            $words,
            "::text AS tsquery) AND position + 0 < $2
        ORDER BY position + 0 DESC LIMIT $3"
        )
    };
}

/// Whether one of the people `$10` is at the other end of a candidate with words.
macro_rules! other_end {
    ($list:literal) => {
        concat!(
            "lists && ARRAY(SELECT ",
            $list,
            " || name FROM UNNEST($10) AS name)"
        )
    };
}

/// What the server's clock shows in UTC, as a date-time on the wire.
macro_rules! utc {
    () => {
        "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
    };
}

/// Those of the candidates that pass every filter, at most `$4`. What hangs on
/// other tables is written so that Postgres may look it up for each candidate, or
/// read all that the account has of it once, whichever is less. Of one's own
/// labels, the second look is for those that have some of the labels.
macro_rules! passing {
    ($name:literal, $candidates:expr, $people:expr, $ask:literal) => {
        concat!(
            $name,
            "
    SELECT position, task FROM (",
            $candidates,
            ") AS candidate
    WHERE ($5::smallint[] IS NULL OR kind = ANY ($5))
      AND importance BETWEEN $6 AND $7
      AND ($8::bigint IS NULL OR due_first > $8)
      AND ($9::bigint IS NULL OR due_last < $9)
      AND ($10::text[] IS NULL OR ",
            $people,
            ")
      AND ($11::text[] IS NULL OR $11 <@ candidate.labels
           OR EXISTS (SELECT FROM note
                      WHERE note.task = candidate.task AND account = $1 AND note.labels <> ''
                        AND string_to_array(note.labels, E'\\n') && $11)
              AND EXISTS (SELECT FROM note
                          WHERE note.task = candidate.task AND account = $1 AND $11 <@
                                (candidate.labels || string_to_array(note.labels, E'\\n'))))
      AND ($12::smallint[] IS NULL AND $13::smallint[] IS NULL
           OR $12 IS NOT NULL AND EXISTS (SELECT FROM ask WHERE ask.task = candidate.task AND ",
            $ask,
            " state = ANY ($12))
           OR $13 IS NOT NULL AND EXISTS (
                SELECT FROM task WHERE id = candidate.task AND status = ANY ($13)))
      AND ($14::boolean IS NULL OR $14 = EXISTS (
            SELECT FROM note
            WHERE note.task = candidate.task AND account = $1 AND snoozed_until IS NOT NULL
              AND left(snoozed_until, 19) COLLATE \"C\" >
                  CASE WHEN right(snoozed_until, 1) = 'Z' THEN ",
            utc!(),
            " ELSE coalesce($15::text, ",
            utc!(),
            ") END))
    ORDER BY position DESC LIMIT $4"
        )
    };
}

pub(super) const INBOX: &str = passing!(
    "-- find: inbox",
    all!("false"),
    "others && $10",
    "recipient = $1 AND"
);
pub(super) const SENT: &str = passing!("-- find: sent", all!("true"), "others && $10", "");
pub(super) const INBOX_HOLDING: &str = passing!(
    "-- find: inbox, holding words",
    holding!("'i:'", "$16"),
    other_end!("'s:'"),
    "recipient = $1 AND"
);
pub(super) const SENT_HOLDING: &str = passing!(
    "-- find: sent, holding words",
    holding!("'s:'", "$16"),
    other_end!("'i:'"),
    ""
);

/// The last of the candidates, if there are so many that more may follow.
macro_rules! edge {
    ($name:literal, $candidates:expr) => {
        concat!(
            $name,
            "
    SELECT min(position) AS edge FROM (",
            $candidates,
            ") AS candidate
    HAVING count(*) >= $3"
        )
    };
}

pub(super) const INBOX_EDGE: &str = edge!("-- find: edge of an inbox", all!("false"));
pub(super) const SENT_EDGE: &str = edge!("-- find: edge of what was sent", all!("true"));
pub(super) const INBOX_HOLDING_EDGE: &str = edge!(
    "-- find: edge of an inbox, holding words",
    holding!("'i:'", "$4")
);
pub(super) const SENT_HOLDING_EDGE: &str = edge!(
    "-- find: edge of what was sent, holding words",
    holding!("'s:'", "$4")
);
