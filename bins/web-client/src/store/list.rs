//! The lists that pages show of the cache, page by page.
//!
//! A page continues after the last row of the one before it (keyset paging):
//! what arrives meanwhile neither doubles nor hides a row.

use deadpool_postgres::Pool;
use tokio_postgres::Row as SqlRow;
use tokio_postgres::types::ToSql;
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{AccountName, Kind, Millis, TaskId, When};

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
    /// How it stands with each of them, in the same order.
    pub states: Vec<AskState>,
    /// How it stands with the reader, if they were asked.
    pub state: Option<AskState>,
    /// How far the reader is, in percent.
    pub percent: i16,
    /// Whether others did something that the reader has not read.
    pub unread: bool,
    /// The reader's own labels.
    pub own_labels: Vec<String>,
    pub comments: i64,
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

/// What the account is asked, what needs it now first. Groups: 0 to answer, 1 due
/// (today or before), 2 in progress, 3 taken on, 4 waiting (snoozed), 5 later (not
/// to be begun yet), 6 done. What is due stands first among what is to be answered.
pub(crate) async fn for_me(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
    after: Place,
) -> Result<Page, Error> {
    let sql = "
-- for_me
WITH task AS (
    SELECT id, position, importance, state,
        coalesce(due_at + $2, due_civil, 9000000000000000) AS due_key,
        coalesce(start_at + $2, start_civil, 0) AS start_key,
        coalesce(snoozed_at + $2, snoozed_civil, 0) AS snooze_key
    FROM cached_task WHERE account = $1 AND received),
grouped AS MATERIALIZED (
    SELECT *, CASE WHEN state NOT IN ('needs_action', 'accepted', 'in_process') THEN 6
        WHEN snooze_key > $3 THEN 4 WHEN start_key > $3 THEN 5 WHEN state = 'needs_action' THEN 0
        WHEN due_key <= $4 THEN 1 WHEN state = 'in_process' THEN 2 ELSE 3 END AS rank FROM task),
placed AS (
    SELECT id, rank, -position AS place,
        CASE rank WHEN 0 THEN importance + 10 * (due_key > $4)::int WHEN 1 THEN due_key
            WHEN 4 THEN snooze_key WHEN 5 THEN start_key WHEN 6 THEN 0 ELSE importance END AS one,
        CASE rank WHEN 1 THEN importance WHEN 6 THEN 0 ELSE due_key END AS two
    FROM grouped),
page AS (
    SELECT * FROM placed WHERE (rank, one, two, place) > ($5, $6, $7, $8)
    ORDER BY rank, one, two, place LIMIT $9)
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place,
    state, percent, states, unread, own_labels, comments
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

/// What the account asks, the latest first. Groups: 0 needs the account, because
/// it was declined, or is done and nobody has looked at that; 1 waiting, 2 done.
pub(crate) async fn asked(pool: &Pool, account: &AccountName, after: Place) -> Result<Page, Error> {
    let sql = "
-- asked
WITH placed AS (
    SELECT id, CASE WHEN needs_sender OR status = 'completed' AND unread THEN 0
        WHEN NOT settled THEN 1 ELSE 2 END AS rank,
        0::bigint AS one, 0::bigint AS two, -position AS place
    FROM cached_task WHERE account = $1 AND sent),
page AS (
    SELECT * FROM placed WHERE (rank, place) > ($2, $3) ORDER BY rank, place LIMIT $4)
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place,
    state, percent, states, unread, own_labels, comments
FROM page JOIN cached_task USING (id) WHERE account = $1
ORDER BY rank, place";
    // Places are negative: nothing comes before the least number.
    let order = match after {
        Place::START => i64::MIN,
        place => place.order,
    };
    let params: [&(dyn ToSql + Sync); 4] =
        [&account.as_str(), &after.group, &order, &(PAGE_TASKS + 1)];
    let found = rows(pool, sql, &params).await?;
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
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place,
    state, percent, states, unread, own_labels, comments
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

/// How many groups *For me* has.
const GROUPS: usize = 7;
/// The last of them: done.
pub(crate) const DONE: i32 = 6;

/// How many tasks there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// For the account, by group.
    pub for_me: [i64; GROUPS],
    /// That the account asks, by group.
    pub asked: [i64; 3],
}

impl Counts {
    /// Those that wait for the account: to answer, and due.
    pub(crate) fn waiting(&self) -> i64 {
        self.for_me[0] + self.for_me[1]
    }
}

/// How many tasks there are. The groups are those of [`for_me`] and [`asked`].
pub(crate) async fn counts(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
) -> Result<Counts, Error> {
    let sql = "
-- counts
SELECT CASE WHEN NOT received THEN -1
        WHEN state NOT IN ('needs_action', 'accepted', 'in_process') THEN 6
        WHEN coalesce(snoozed_at + $2, snoozed_civil, 0) > $3 THEN 4
        WHEN coalesce(start_at + $2, start_civil, 0) > $3 THEN 5
        WHEN state = 'needs_action' THEN 0
        WHEN coalesce(due_at + $2, due_civil, 9000000000000000) <= $4 THEN 1
        WHEN state = 'in_process' THEN 2 ELSE 3 END AS rank,
    CASE WHEN NOT sent THEN -1 WHEN needs_sender OR status = 'completed' AND unread THEN 0
        WHEN NOT settled THEN 1 ELSE 2 END AS asked, count(*)
FROM cached_task WHERE account = $1 GROUP BY 1, 2";
    let params: [&(dyn ToSql + Sync); 4] = [
        &account.as_str(),
        &clock.offset_millis(),
        &clock.now_civil(),
        &clock.end_of_today(),
    ];
    let mut counts = Counts::default();
    for row in rows(pool, sql, &params).await? {
        let count: i64 = row.try_get(2)?;
        let (group, asked): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(all) = slot(&mut counts.for_me, group) {
            *all += count;
        }
        if let Some(all) = slot(&mut counts.asked, asked) {
            *all += count;
        }
    }
    Ok(counts)
}

fn slot(counts: &mut [i64], group: i32) -> Option<&mut i64> {
    counts.get_mut(usize::try_from(group).ok()?)
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
    let states: Vec<&str> = row.try_get(15)?;
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
        state: word::state_of(row.try_get(13)?),
        percent: row.try_get(14)?,
        states: states.into_iter().filter_map(word::state_of).collect(),
        unread: row.try_get(16)?,
        own_labels: row.try_get(17)?,
        comments: row.try_get(18)?,
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
        for text in [
            "",
            "1_2_3",
            "1_2_3_4_5",
            "a_b_c_d",
            "1_2_3_99999999999999999999",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn words_of_a_search_hold_no_operators() {
        assert_eq!(beginnings("ship 'it' & | ! ( x:*"), "ship:* & it:* & x:*");
        assert_eq!(beginnings("--';"), "");
    }
}
