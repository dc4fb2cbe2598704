//! The lists that pages show of the cache, page by page, and one task of it.
//!
//! A page continues after the last row of the one before it (keyset paging):
//! what arrives meanwhile neither doubles nor hides a row.

use deadpool_postgres::Pool;
use tokio_postgres::Row as SqlRow;
use uuid::Uuid;
use yoshi_client::Position;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::task::Ask;
use yoshi_protocol::{AccountName, Kind, Millis, NewTask, ServerId, TaskId, When};

use super::{Error, account_name, rows};
use crate::clock::Clock;
use crate::limit::{PAGE_TASKS, PEOPLE_MAX};
use crate::word;

/// A task as a row of a list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub id: TaskId,
    pub sender: AccountName,
    pub title: String,
    pub kind: Kind,
    pub importance: u8,
    pub due: Option<When>,
    pub labels: Vec<String>,
    pub recipients: Vec<String>,
    pub sent_at: Millis,
    /// Where it stands in its list.
    pub place: Place,
}

/// A row's place in its list: group, two keys, and the position, latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub group: i32,
    keys: (i64, i64),
    order: i64,
}

impl Place {
    /// Before every row.
    pub(crate) const START: Self = Self {
        group: -1,
        keys: (0, 0),
        order: 0,
    };

    /// As it stands in an address.
    pub(crate) fn to_text(self) -> String {
        let (one, two) = self.keys;
        format!("{}_{one}_{two}_{}", self.group, self.order)
    }

    /// From an address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let place = Self {
            group: parts.next()?.parse().ok()?,
            keys: (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?),
            order: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub rows: Vec<Row>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

impl Page {
    fn new(mut rows: Vec<Row>) -> Self {
        let shown = usize::try_from(PAGE_TASKS).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let next = rows.last().filter(|_| more).map(|row| row.place);
        Self { rows, next }
    }
}

/// What the account is asked, what needs it now first. Groups: 0 due (today or
/// before), 1 to answer, 2 later (not to be begun yet).
pub(crate) async fn for_me(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
    after: Place,
) -> Result<Page, Error> {
    let sql = "
-- for_me
WITH task AS MATERIALIZED (
    SELECT id, position, importance,
        coalesce(due_at + $2, due_civil, 9000000000000000) AS due_key,
        coalesce(start_at + $2, start_civil, 0) AS start_key
    FROM cached_task WHERE account = $1 AND received),
grouped AS (
    SELECT *, CASE WHEN start_key > $3 THEN 2 WHEN due_key <= $4 THEN 0 ELSE 1 END AS rank FROM task),
placed AS (
    SELECT id, rank, -position AS place,
        CASE rank WHEN 0 THEN due_key WHEN 1 THEN importance ELSE start_key END AS one,
        CASE rank WHEN 1 THEN due_key ELSE importance END AS two
    FROM grouped),
page AS (
    SELECT * FROM placed WHERE (rank, one, two, place) > ($5, $6, $7, $8)
    ORDER BY rank, one, two, place LIMIT $9)
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place
FROM page JOIN cached_task USING (id) WHERE account = $1
ORDER BY rank, one, two, place";
    let (one, two) = after.keys;
    let found = rows(
        pool,
        sql,
        &[
            &account.as_str(),
            &clock.offset_millis(),
            &clock.now_civil(),
            &clock.end_of_today(),
            &after.group,
            &one,
            &two,
            &after.order,
            &(PAGE_TASKS + 1),
        ],
    )
    .await?;
    Ok(Page::new(found.iter().map(row).collect::<Result<_, _>>()?))
}

/// What the account asks, the latest first. One group: 0.
pub(crate) async fn asked(
    pool: &Pool,
    account: &AccountName,
    after: Place,
) -> Result<Page, Error> {
    let sql = "
-- asked
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at,
    0 AS rank, 0::bigint AS one, 0::bigint AS two, -position AS place
FROM cached_task WHERE account = $1 AND sent AND ($2 OR -position > $3)
ORDER BY position DESC LIMIT $4";
    let from_start = after == Place::START;
    let found = rows(
        pool,
        sql,
        &[
            &account.as_str(),
            &from_start,
            &after.order,
            &(PAGE_TASKS + 1),
        ],
    )
    .await?;
    Ok(Page::new(found.iter().map(row).collect::<Result<_, _>>()?))
}

/// Tasks that hold every word, or its beginning; in the title first, then the
/// latest. One group: 0.
pub(crate) async fn search(
    pool: &Pool,
    account: &AccountName,
    text: &str,
    after: Place,
) -> Result<Page, Error> {
    let sql = "
-- search
WITH query AS (SELECT websearch_to_tsquery('simple', $2) || to_tsquery('simple', $3) AS words),
found AS (
    SELECT id, 0 AS rank, (1000000 * (1 - ts_rank(search, words, 1)))::bigint AS one,
        0::bigint AS two, -position AS place
    FROM cached_task, query WHERE account = $1 AND search @@ words),
page AS (
    SELECT * FROM found WHERE (rank, one, two, place) > ($4, $5, $6, $7)
    ORDER BY rank, one, two, place LIMIT $8)
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place
FROM page JOIN cached_task USING (id) WHERE account = $1
ORDER BY rank, one, two, place";
    let (one, two) = after.keys;
    let found = rows(
        pool,
        sql,
        &[
            &account.as_str(),
            &text,
            &beginnings(text),
            &after.group,
            &one,
            &two,
            &after.order,
            &(PAGE_TASKS + 1),
        ],
    )
    .await?;
    Ok(Page::new(found.iter().map(row).collect::<Result<_, _>>()?))
}

/// The query for tasks in which each word begins one: `ship:* & rel:*`.
fn beginnings(text: &str) -> String {
    let words: Vec<_> = text
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("{word}:*"))
        .collect();
    words.join(" & ")
}

/// How many tasks there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// For the account, by group: due, to answer, later.
    pub for_me: [i64; 3],
    /// That the account asks.
    pub asked: i64,
}

/// How many tasks there are.
pub(crate) async fn counts(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
) -> Result<Counts, Error> {
    let sql = "
-- counts
SELECT count(*) FILTER (WHERE received AND NOT later AND due),
    count(*) FILTER (WHERE received AND NOT later AND NOT due),
    count(*) FILTER (WHERE received AND later), count(*) FILTER (WHERE sent)
FROM (
    SELECT received, sent, coalesce(start_at + $2, start_civil, 0) > $3 AS later,
        coalesce(due_at + $2, due_civil, 9000000000000000) <= $4 AS due
    FROM cached_task WHERE account = $1) AS task";
    let found = rows(
        pool,
        sql,
        &[
            &account.as_str(),
            &clock.offset_millis(),
            &clock.now_civil(),
            &clock.end_of_today(),
        ],
    )
    .await?;
    let Some(row) = found.first() else {
        return Ok(Counts::default());
    };
    Ok(Counts {
        for_me: [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?],
        asked: row.try_get(3)?,
    })
}

/// A task with everything that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub new_task: NewTask,
    pub sender: AccountName,
    pub number: u64,
    pub position: Position,
    pub changed: Position,
    pub sent_at: Millis,
    pub hash: Vec<u8>,
    pub asks: Vec<Ask>,
    pub held_by: Vec<ServerId>,
}

impl From<yoshi_client::Task> for Whole {
    fn from(task: yoshi_client::Task) -> Self {
        Self {
            new_task: task.new_task,
            sender: task.sender,
            number: task.number,
            position: task.position,
            changed: task.changed,
            sent_at: task.sent_at,
            hash: task.hash.to_vec(),
            asks: task.asks,
            held_by: task.held_by,
        }
    }
}

/// One task of an account's cache.
pub(crate) async fn whole(
    pool: &Pool,
    account: &AccountName,
    id: TaskId,
) -> Result<Option<Whole>, Error> {
    let sql = "
-- whole
SELECT content, sender, number, position, changed, sent_at, hash, asks, held_by
FROM cached_task WHERE account = $1 AND id = $2";
    let found = rows(pool, sql, &[&account.as_str(), &id.0]).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let unreadable = |error: cbor::DecodeError| Error::Row(format!("task {id}: {error}"));
    let number: i64 = row.try_get(2)?;
    let servers: Vec<Uuid> = row.try_get(8)?;
    Ok(Some(Whole {
        new_task: cbor::decode(row.try_get(0)?, Bound::TASK).map_err(unreadable)?,
        sender: account_name(row.try_get(1)?)?,
        number: u64::try_from(number).unwrap_or_default(),
        position: Position::from_i64(row.try_get(3)?),
        changed: Position::from_i64(row.try_get(4)?),
        sent_at: Millis(row.try_get(5)?),
        hash: row.try_get(6)?,
        asks: cbor::decode(row.try_get(7)?, Bound::ANSWER).map_err(unreadable)?,
        held_by: servers.into_iter().map(ServerId).collect(),
    }))
}

/// With whom the account has exchanged tasks, the latest first.
pub(crate) async fn people(pool: &Pool, account: &AccountName) -> Result<Vec<String>, Error> {
    let sql = "
-- people
SELECT name FROM cached_person WHERE account = $1 ORDER BY latest DESC, name LIMIT $2";
    let found = rows(pool, sql, &[&account.as_str(), &PEOPLE_MAX]).await?;
    found.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn row(row: &SqlRow) -> Result<Row, Error> {
    let unreadable = |what: &str| Error::Row(what.to_owned());
    let importance: i16 = row.try_get(4)?;
    let due: Option<&str> = row.try_get(5)?;
    Ok(Row {
        id: TaskId(row.try_get(0)?),
        sender: account_name(row.try_get(1)?)?,
        title: row.try_get(2)?,
        kind: word::kind_of(row.try_get(3)?).ok_or_else(|| unreadable("kind"))?,
        importance: u8::try_from(importance).map_err(|_| unreadable("importance"))?,
        due: due
            .map(str::parse)
            .transpose()
            .map_err(|_| unreadable("due"))?,
        labels: row.try_get(6)?,
        recipients: row.try_get(7)?,
        sent_at: Millis(row.try_get(8)?),
        place: Place {
            group: row.try_get(9)?,
            keys: (row.try_get(10)?, row.try_get(11)?),
            order: row.try_get(12)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_and_nothing_else_does() {
        let place = Place {
            group: 1,
            keys: (5, -7),
            order: -1024,
        };
        assert_eq!(Place::parse(&place.to_text()), Some(place));
        assert_eq!(Place::parse(&Place::START.to_text()), Some(Place::START));
        for text in ["", "1_2_3", "1_2_3_4_5", "a_b_c_d", "1_2_3_99999999999999999999"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn words_of_a_search_hold_no_operators() {
        assert_eq!(beginnings("ship 'it' & | ! ( x:*"), "ship:* & it:* & x:*");
        assert_eq!(beginnings("--';"), "");
    }
}
