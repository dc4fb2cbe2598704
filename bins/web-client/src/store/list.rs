//! The lists that pages show of the cache, page by page.
//!
//! A page continues after the last row of the one before it (keyset paging):
//! what arrives meanwhile neither doubles nor hides a row.

mod place;
pub(super) mod sql;

use deadpool_postgres::Pool;
use tokio_postgres::Row as SqlRow;
use tokio_postgres::types::ToSql;
use yoshi_client::Task;
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{AccountName, Kind, Millis, TaskId, When};

use super::{Error, account_name, rows};
use crate::clock::Clock;
use crate::filter::Filter;
use crate::limit::PAGE_TASKS;
use crate::word;

pub(crate) use place::Place;

/// The last group of *For me*: done.
pub(crate) const DONE: i32 = 6;

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

impl Row {
    /// A task that no list has placed.
    pub(crate) fn of(account: &AccountName, task: Task) -> Self {
        let (new, asks) = (task.new_task, task.asks);
        let mine = asks.iter().find(|ask| ask.recipient == *account);
        Self {
            id: new.id,
            sender: task.sender,
            title: new.title,
            kind: new.kind,
            importance: new.importance,
            due: new.due,
            labels: new.labels,
            recipients: new.recipients.iter().map(ToString::to_string).collect(),
            sent_at: task.sent_at,
            state: mine.map(|ask| ask.state),
            percent: mine.map_or(0, |ask| ask.percent.into()),
            states: asks.iter().map(|ask| ask.state).collect(),
            unread: !task.mine.read,
            own_labels: task.mine.labels,
            comments: task.comments.into(),
            place: Place::START,
        }
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
    filter: &Filter,
    after: Place,
) -> Result<Page, Error> {
    let sql = concat!(
        "-- for_me\nWITH ",
        sql::task!(),
        ", grouped AS MATERIALIZED (SELECT id, position, importance, due_key, start_key, snooze_key, tonight, ",
        sql::for_me_group!(),
        " AS rank FROM task WHERE received AND ($5::text IS NULL OR state = $5) AND ",
        sql::filtered!(),
        "),
placed AS (
    SELECT id, rank, -position AS place,
        CASE rank WHEN 0 THEN importance + 10 * (due_key > tonight)::int WHEN 1 THEN due_key
            WHEN 4 THEN snooze_key WHEN 5 THEN start_key WHEN 6 THEN 0 ELSE importance END AS one,
        CASE rank WHEN 1 THEN importance WHEN 6 THEN 0 ELSE due_key END AS two
    FROM grouped),
page AS (
    SELECT * FROM placed WHERE (rank, one, two, place) > ($13, $14, $15, $16)
    ORDER BY rank, one, two, place LIMIT $17)",
        sql::page_rows!(),
        "ORDER BY rank, one, two, place"
    );
    let shared = sql::Shared::new(account, clock, filter);
    let (one, two) = after.keys;
    let mut params = shared.params();
    params.extend::<[&(dyn ToSql + Sync); 5]>([
        &after.group,
        &one,
        &two,
        &after.order,
        &(PAGE_TASKS + 1),
    ]);
    read(pool, sql, &params).await
}

/// What the account asks, the latest first. Groups: 0 needs the account, because
/// it was declined, or is done and nobody has looked at that; 1 waiting, 2 done.
pub(crate) async fn asked(
    pool: &Pool,
    account: &AccountName,
    clock: &Clock,
    filter: &Filter,
    after: Place,
) -> Result<Page, Error> {
    let sql = concat!(
        "-- asked\nWITH ",
        sql::task!(),
        ", placed AS (SELECT id, ",
        sql::asked_group!(),
        " AS rank, 0::bigint AS one, 0::bigint AS two, -position AS place
    FROM task WHERE sent AND ($5::text IS NULL OR $5 = ANY(states)) AND ",
        sql::filtered!(),
        "),
page AS (
    SELECT * FROM placed WHERE (rank, place) > ($13, $14) ORDER BY rank, place LIMIT $15)",
        sql::page_rows!(),
        "ORDER BY rank, place"
    );
    // Places are negative: nothing comes before the least number.
    let order = match after {
        Place::START => i64::MIN,
        place => place.order,
    };
    let shared = sql::Shared::new(account, clock, filter);
    let mut params = shared.params();
    params.extend::<[&(dyn ToSql + Sync); 3]>([&after.group, &order, &(PAGE_TASKS + 1)]);
    read(pool, sql, &params).await
}

async fn read(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Page, Error> {
    let found = rows(pool, sql, params).await?;
    Ok(Page::new(found.iter().map(row).collect::<Result<_, _>>()?))
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
