//! Rows as they stand, to be compared with another server's. They are read raw:
//! a row that was damaged may hold what no rule would write.

use std::collections::HashMap;

use deadpool_postgres::{Pool, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;
use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::DatabaseError;

/// Bytes of tasks in one sample; the last task may go past it.
const SAMPLE_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// A task, and what the chain before it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The columns of the table.
    pub id: Uuid,
    /// Who sent it.
    pub sender: String,
    /// The sender's number of it.
    pub number: i64,
    /// The place of the send in the log.
    pub position: i64,
    /// The position of its latest change.
    pub changed: i64,
    /// The epoch in which it was accepted.
    pub epoch: i64,
    /// The home's clock at the send.
    pub sent_at: i64,
    /// The head of the sender's chain after it.
    pub hash: Vec<u8>,
    /// The head of the sender's chain before it; none if an earlier release applied it.
    pub previous: Option<Vec<u8>>,
    /// The encoded task.
    pub content: Vec<u8>,
    /// The encoded task as last revised.
    pub revised: Option<Vec<u8>>,
    /// How often it was revised, and what follows from its asks: the columns
    /// revision, withdrawn, status, `needs_sender`, comments, reminders.
    pub standing: [i64; 6],
    /// The position of the latest change that everybody concerned sees.
    pub public: i64,
    /// Whose that was.
    pub actor: String,
    /// By place.
    pub asks: Vec<AskRow>,
    /// By account.
    pub notes: Vec<NoteRow>,
    /// SHA-256 over its changes, in order.
    pub changes: Vec<u8>,
    /// Whether each change agrees with its account's hash chain.
    pub chained: bool,
}

impl TaskRow {
    /// The position of the latest change that anybody sees.
    #[must_use]
    pub fn latest(&self) -> i64 {
        let asks = self.asks.iter().map(|ask| ask.changed);
        asks.fold(self.changed, i64::max)
    }
}

/// What one recipient was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskRow {
    /// Who.
    pub recipient: String,
    /// The recipient's place in the task's list, from 0.
    pub place: i16,
    /// How it stands, and how far: state and percent; and how it stood before,
    /// -1 for not at all.
    pub standing: [i16; 4],
    /// Answer and reason, now and before; empty for none.
    pub said: [Vec<u8>; 4],
    /// The position of its latest change.
    pub changed: i64,
}

/// What one account notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    /// Whose.
    pub account: String,
    /// One per line.
    pub labels: String,
    /// Empty for none.
    pub snoozed_until: String,
    /// Up to where it has read.
    pub read: i64,
}

/// An account, and its latest entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: String,
    /// The epoch of its latest entry.
    pub epoch: i64,
    /// The number of its latest entry.
    pub number: i64,
    /// The head of its chain.
    pub head: Vec<u8>,
    /// The position of its latest entry; none if an earlier release applied it.
    pub latest_position: Option<i64>,
    /// Number, hash and epoch of that entry, if it is there.
    pub latest: Option<(i64, Vec<u8>, i64)>,
    /// How many entries of it there are.
    pub entries: i64,
}

/// Rows of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The log that the database follows.
    pub stream: Incarnation,
    /// The database had committed the log up to here.
    pub applied: Position,
    /// By no order in particular.
    pub tasks: Vec<TaskRow>,
    /// By no order in particular.
    pub accounts: Vec<AccountRow>,
}

/// How far the walk over all rows has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// It goes on after this task.
    pub task: Uuid,
    /// It goes on after this account.
    pub account: String,
}

/// How many rows one sample holds.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Tasks of the walk.
    pub tasks: u32,
    /// Accounts of the walk.
    pub accounts: u32,
    /// The latest tasks, and the accounts that sent them; 0 for none.
    pub recent: u32,
}

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

/// Accounts that `$from` selects, with the latest entry of each, and how many there are.
macro_rules! accounts {
    ($name:literal, $from:literal) => {
        concat!(
            $name,
            "
    SELECT a.name, a.epoch, a.number, a.head, a.latest, l.number AS latest_number,
           l.hash AS latest_hash, l.epoch AS latest_epoch,
           (SELECT count(*) FROM task WHERE sender = a.name)
               + (SELECT count(*) FROM change WHERE account = a.name) AS entries
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

const WALK_TASKS: &str = tasks!(
    "-- compare: walk over tasks",
    "
        SELECT * FROM (
            SELECT *, sum(octet_length(content)) OVER (ORDER BY id) AS bytes
            FROM (SELECT * FROM task WHERE id > $1 ORDER BY id LIMIT $2) AS following
        ) AS measured
        WHERE bytes - octet_length(content) <= $3"
);

const RECENT_TASKS: &str = tasks!(
    "-- compare: latest tasks",
    "
        SELECT * FROM (
            SELECT *, sum(octet_length(content)) OVER (ORDER BY position DESC) AS bytes
            FROM (SELECT * FROM task ORDER BY position DESC LIMIT $1) AS latest
        ) AS measured
        WHERE bytes - octet_length(content) <= $2"
);

const THESE_TASKS: &str = tasks!(
    "-- compare: these tasks",
    "SELECT * FROM task WHERE id = ANY($1)"
);

const WALK_ACCOUNTS: &str = accounts!(
    "-- compare: walk over accounts",
    "a.name > $1 ORDER BY a.name LIMIT $2"
);

const THESE_ACCOUNTS: &str = accounts!("-- compare: these accounts", "a.name = ANY($1)");

const ASKS: &str = "-- compare: asks
    SELECT task, recipient, place, state, percent, answer, reason, before_state, before_percent,
           before_answer, before_reason, changed
    FROM ask WHERE task = ANY($1) ORDER BY task, place, recipient";

const NOTES: &str = "-- compare: notes
    SELECT task, account, labels, coalesce(snoozed_until, '') AS snoozed_until, read
    FROM note WHERE task = ANY($1) ORDER BY task, account";

/// The rows that follow in the walk, the latest ones, and where the walk goes on.
/// One that has reached the end begins again; answers whether both have.
///
/// # Errors
/// [`DatabaseError`].
pub async fn walk(
    pool: &Pool,
    stream: &str,
    from: &Walk,
    sizes: Sizes,
) -> Result<(Rows, Walk, bool), DatabaseError> {
    let mut client = pool.get().await?;
    let snapshot = snapshot(&mut client).await?;
    let (incarnation, applied) = cursor(&snapshot, stream).await?;
    let mut tasks = tasks(
        &snapshot,
        WALK_TASKS,
        &[&from.task, &i64::from(sizes.tasks), &SAMPLE_BYTES_MAX],
    )
    .await?;
    let last_task = tasks.iter().map(|task| task.id).max();
    let mut accounts = accounts(
        &snapshot,
        WALK_ACCOUNTS,
        &[&from.account, &i64::from(sizes.accounts)],
    )
    .await?;
    let last_account = accounts.last().map(|account| account.name.clone());
    let ended = last_task.is_none() && last_account.is_none();
    if sizes.recent > 0 {
        let recent: [&(dyn ToSql + Sync); 2] = [&i64::from(sizes.recent), &SAMPLE_BYTES_MAX];
        let mut recent = self::tasks(&snapshot, RECENT_TASKS, &recent).await?;
        let mut senders: Vec<_> = recent.iter().map(|task| task.sender.clone()).collect();
        senders.retain(|name| accounts.iter().all(|account| account.name != *name));
        recent.retain(|task| tasks.iter().all(|other| other.id != task.id));
        accounts.extend(self::accounts(&snapshot, THESE_ACCOUNTS, &[&senders]).await?);
        tasks.extend(recent);
    }
    with_asks(&snapshot, &mut tasks).await?;
    snapshot.commit().await?;
    let next = Walk {
        task: last_task.unwrap_or_default(),
        account: last_account.unwrap_or_default(),
    };
    let rows = Rows {
        stream: incarnation,
        applied,
        tasks,
        accounts,
    };
    Ok((rows, next, ended))
}

/// These rows, as far as there are any.
///
/// # Errors
/// [`DatabaseError`].
pub async fn these(
    pool: &Pool,
    stream: &str,
    ids: &[Uuid],
    names: &[&str],
) -> Result<Rows, DatabaseError> {
    let mut client = pool.get().await?;
    let snapshot = snapshot(&mut client).await?;
    let (incarnation, applied) = cursor(&snapshot, stream).await?;
    let mut tasks = tasks(&snapshot, THESE_TASKS, &[&ids]).await?;
    with_asks(&snapshot, &mut tasks).await?;
    let accounts = accounts(&snapshot, THESE_ACCOUNTS, &[&names]).await?;
    snapshot.commit().await?;
    Ok(Rows {
        stream: incarnation,
        applied,
        tasks,
        accounts,
    })
}

/// All that is read within it is of one moment.
async fn snapshot(
    client: &mut deadpool_postgres::Client,
) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
}

async fn cursor(
    snapshot: &Transaction<'_>,
    stream: &str,
) -> Result<(Incarnation, Position), tokio_postgres::Error> {
    let select = "-- compare: cursor\n\
        SELECT incarnation, applied FROM replica_cursor WHERE stream = $1";
    let row = snapshot.query_one(select, &[&stream]).await?;
    Ok((
        Incarnation(row.try_get(0)?),
        Position::from_i64(row.try_get(1)?),
    ))
}

async fn tasks(
    snapshot: &Transaction<'_>,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<TaskRow>, tokio_postgres::Error> {
    let statement = snapshot.prepare_cached(statement).await?;
    let rows = snapshot.query(&statement, params).await?;
    rows.iter().map(task).collect()
}

fn task(row: &Row) -> Result<TaskRow, tokio_postgres::Error> {
    let number = |name| Ok(i64::from(row.try_get::<_, i32>(name)?));
    let flag = |name| Ok(i64::from(row.try_get::<_, bool>(name)?));
    Ok(TaskRow {
        id: row.try_get("id")?,
        sender: row.try_get("sender")?,
        number: row.try_get("number")?,
        position: row.try_get("position")?,
        changed: row.try_get("changed")?,
        epoch: row.try_get("epoch")?,
        sent_at: row.try_get("sent_at")?,
        hash: row.try_get("hash")?,
        previous: row.try_get("previous")?,
        content: row.try_get("content")?,
        revised: row.try_get("revised")?,
        standing: [
            number("revision")?,
            flag("withdrawn")?,
            i64::from(row.try_get::<_, i16>("status")?),
            flag("needs_sender")?,
            number("comments")?,
            number("reminders")?,
        ],
        public: row.try_get("public")?,
        actor: row.try_get("actor")?,
        asks: Vec::new(),
        notes: Vec::new(),
        changes: row.try_get("changes")?,
        chained: row.try_get("chained")?,
    })
}

async fn with_asks(
    snapshot: &Transaction<'_>,
    tasks: &mut [TaskRow],
) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let statement = snapshot.prepare_cached(ASKS).await?;
    let mut asks: HashMap<Uuid, Vec<AskRow>> = HashMap::new();
    for row in snapshot.query(&statement, &[&ids]).await? {
        asks.entry(row.try_get("task")?)
            .or_default()
            .push(ask(&row)?);
    }
    let statement = snapshot.prepare_cached(NOTES).await?;
    let mut notes: HashMap<Uuid, Vec<NoteRow>> = HashMap::new();
    for row in snapshot.query(&statement, &[&ids]).await? {
        let note = NoteRow {
            account: row.try_get("account")?,
            labels: row.try_get("labels")?,
            snoozed_until: row.try_get("snoozed_until")?,
            read: row.try_get("read")?,
        };
        notes.entry(row.try_get("task")?).or_default().push(note);
    }
    for task in tasks {
        task.asks = asks.remove(&task.id).unwrap_or_default();
        task.notes = notes.remove(&task.id).unwrap_or_default();
    }
    Ok(())
}

fn ask(row: &Row) -> Result<AskRow, tokio_postgres::Error> {
    let before = |name| Ok(row.try_get::<_, Option<i16>>(name)?.unwrap_or(-1));
    let bytes = |name| Ok(row.try_get::<_, Option<Vec<u8>>>(name)?.unwrap_or_default());
    let text = |name| {
        let text: Option<String> = row.try_get(name)?;
        Ok(text.unwrap_or_default().into_bytes())
    };
    Ok(AskRow {
        recipient: row.try_get("recipient")?,
        place: row.try_get("place")?,
        standing: [
            row.try_get("state")?,
            row.try_get("percent")?,
            before("before_state")?,
            before("before_percent")?,
        ],
        said: [
            bytes("answer")?,
            text("reason")?,
            bytes("before_answer")?,
            text("before_reason")?,
        ],
        changed: row.try_get("changed")?,
    })
}

async fn accounts(
    snapshot: &Transaction<'_>,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<AccountRow>, tokio_postgres::Error> {
    let statement = snapshot.prepare_cached(statement).await?;
    let rows = snapshot.query(&statement, params).await?;
    rows.iter().map(account).collect()
}

fn account(row: &Row) -> Result<AccountRow, tokio_postgres::Error> {
    let number: Option<i64> = row.try_get("latest_number")?;
    let hash: Option<Vec<u8>> = row.try_get("latest_hash")?;
    let epoch: Option<i64> = row.try_get("latest_epoch")?;
    let latest = number.zip(hash).zip(epoch);
    Ok(AccountRow {
        name: row.try_get("name")?,
        epoch: row.try_get("epoch")?,
        number: row.try_get("number")?,
        head: row.try_get("head")?,
        latest_position: row.try_get("latest")?,
        latest: latest.map(|((number, hash), epoch)| (number, hash, epoch)),
        entries: row.try_get("entries")?,
    })
}
