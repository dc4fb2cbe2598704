//! Changes of tasks: reading what a batch of them touches, and writing what came
//! of it. Rows hold what the rules decided, encoded by whoever calls.

use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Position};
use yoshi_replica::{Param, Query, Write};

use super::apply::{query, signed, stored_epoch, stored_name, unsigned};
use crate::rules::{Change, Hash};

/// The statements about changes, of the connection that applies the log.
pub struct Statements {
    earlier: Statement,
    tasks: Statement,
    asks: Statement,
    notes: Statement,
    insert_changes: Statement,
    update_tasks: Statement,
    update_asks: Statement,
    upsert_notes: Statement,
}

const EARLIER: &str = "-- changing: earlier changes
    SELECT id, task, account, number, position, hash, content FROM change
    WHERE id = ANY($1::uuid[])";

const TASKS: &str = "-- changing: tasks
    SELECT id, sender, coalesce(revised, content) AS content, revision, withdrawn, comments,
           reminders, coalesce(public, position) AS public, coalesce(actor, sender) AS actor,
           changed
    FROM task WHERE id = ANY($1::uuid[])";

const ASKS: &str = "-- changing: asks
    SELECT task, recipient, state, percent, answer, reason,
           before_state, before_percent, before_answer, before_reason, changed
    FROM ask WHERE task = ANY($1::uuid[]) ORDER BY task, place";

const NOTES: &str = "-- changing: notes
    SELECT task, account, labels, snoozed_until, read FROM note WHERE task = ANY($1::uuid[])";

const INSERT_CHANGES: &str = "-- changing: insert changes
    INSERT INTO change (id, task, account, number, position, epoch, at, hash, previous, private,
                        content)
    SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::bigint[], $8::bytea[], $9::bytea[], $10::boolean[],
                         $11::bytea[])";

const UPDATE_TASKS: &str = "-- changing: update tasks
    UPDATE task
    SET revised = coalesce(now.revised, task.revised), revision = now.revision,
        withdrawn = now.withdrawn, status = now.status, needs_sender = now.needs_sender,
        comments = now.comments, reminders = now.reminders, public = now.public,
        actor = now.actor, changed = now.changed
    FROM UNNEST($1::uuid[], $2::bytea[], $3::integer[], $4::boolean[], $5::smallint[],
                $6::boolean[], $7::integer[], $8::integer[], $9::bigint[], $10::text[],
                $11::bigint[])
         AS now (id, revised, revision, withdrawn, status, needs_sender, comments, reminders,
                 public, actor, changed)
    WHERE task.id = now.id";

const UPDATE_ASKS: &str = "-- changing: update asks
    UPDATE ask
    SET state = now.state, percent = now.percent, answer = now.answer, reason = now.reason,
        before_state = now.before_state, before_percent = now.before_percent,
        before_answer = now.before_answer, before_reason = now.before_reason,
        changed = now.changed
    FROM UNNEST($1::uuid[], $2::text[], $3::smallint[], $4::smallint[], $5::bytea[], $6::text[],
                $7::smallint[], $8::smallint[], $9::bytea[], $10::text[], $11::bigint[])
         AS now (task, recipient, state, percent, answer, reason, before_state, before_percent,
                 before_answer, before_reason, changed)
    WHERE ask.task = now.task AND ask.recipient = now.recipient";

const UPSERT_NOTES: &str = "-- changing: upsert notes
    INSERT INTO note (task, account, labels, snoozed_until, read)
    SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    ON CONFLICT (task, account) DO UPDATE
    SET labels = EXCLUDED.labels, snoozed_until = EXCLUDED.snoozed_until, read = EXCLUDED.read";

/// What a batch of changes writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// The changes themselves.
    pub changes: Vec<Change>,
    /// The tasks, as they now stand.
    pub tasks: Vec<TaskRow>,
    /// All their asks.
    pub asks: Vec<AskRow>,
    /// All their notes.
    pub notes: Vec<NoteRow>,
}

impl Rows {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A task, as far as changes change it.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// Which.
    pub id: Uuid,
    /// Whose; read only.
    pub sender: AccountName,
    /// The encoded task as last revised; none to leave it as it is.
    pub content: Option<Vec<u8>>,
    /// How often it was revised.
    pub revision: i32,
    /// Whether the sender no longer wants it.
    pub withdrawn: bool,
    /// See the column.
    pub status: i16,
    /// See the column.
    pub needs_sender: bool,
    /// How many.
    pub comments: i32,
    /// How many.
    pub reminders: i32,
    /// The position of the latest change that everybody concerned sees.
    pub public: Position,
    /// Whose that was.
    pub actor: AccountName,
    /// The position of the latest change that the sender sees.
    pub changed: Position,
}

/// An ask, as it stands.
#[derive(Debug, Clone)]
pub struct AskRow {
    /// Of which task.
    pub task: Uuid,
    /// Who is asked.
    pub recipient: AccountName,
    /// How it stands.
    pub step: StepRow,
    /// How it stood before.
    pub before: Option<StepRow>,
    /// The position of the latest change that the recipient sees.
    pub changed: Position,
}

/// How an ask stands or stood.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// See the column.
    pub state: i16,
    /// 0 to 100.
    pub percent: i16,
    /// The encoded answer.
    pub answer: Option<Vec<u8>>,
    /// May be empty.
    pub reason: String,
}

/// A note.
#[derive(Debug, Clone)]
pub struct NoteRow {
    /// About which task.
    pub task: Uuid,
    /// Whose.
    pub account: AccountName,
    /// One per line.
    pub labels: String,
    /// As on the wire.
    pub snoozed_until: Option<String>,
    /// Up to where it has read; 0 for unread.
    pub read: Position,
}

/// An earlier change.
#[derive(Debug, Clone)]
pub struct EarlierRow {
    /// Its id.
    pub id: Uuid,
    /// Its task.
    pub task: Uuid,
    /// Whose.
    pub account: AccountName,
    /// The account's number of it.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The head of the account's chain after it.
    pub hash: Hash,
    /// The encoded change.
    pub content: Vec<u8>,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            earlier: client.prepare(EARLIER).await?,
            tasks: client.prepare(TASKS).await?,
            asks: client.prepare(ASKS).await?,
            notes: client.prepare(NOTES).await?,
            insert_changes: client.prepare(INSERT_CHANGES).await?,
            update_tasks: client.prepare(UPDATE_TASKS).await?,
            update_asks: client.prepare(UPDATE_ASKS).await?,
            upsert_notes: client.prepare(UPSERT_NOTES).await?,
        })
    }

    /// The earlier changes with these ids, and these tasks with their asks and
    /// notes: four queries, in this order.
    #[must_use]
    pub fn read(&self, ids: Vec<Uuid>, tasks: &[Uuid]) -> Vec<Query> {
        let of_tasks = |statement| query(statement, vec![Box::new(tasks.to_vec()) as Param]);
        vec![
            query(&self.earlier, vec![Box::new(ids)]),
            of_tasks(&self.tasks),
            of_tasks(&self.asks),
            of_tasks(&self.notes),
        ]
    }

    pub(super) fn write(&self, rows: Rows) -> Vec<Write> {
        let (tasks, asks, notes) = (rows.tasks.len(), rows.asks.len(), rows.notes.len());
        let mut writes = vec![
            write(
                &self.insert_changes,
                rows.changes.len(),
                change_params(rows.changes),
            ),
            write(&self.update_tasks, tasks, task_params(rows.tasks)),
            write(&self.update_asks, asks, ask_params(rows.asks)),
        ];
        if notes > 0 {
            writes.push(write(&self.upsert_notes, notes, note_params(rows.notes)));
        }
        writes
    }
}

fn write(statement: &Statement, rows: usize, params: Vec<Param>) -> Write {
    Write {
        query: query(statement, params),
        rows: rows as u64,
    }
}

/// One parameter per column, each an array with one element per row.
macro_rules! columns {
    ($rows:expr, $row:ident => $($column:expr),+ $(,)?) => {
        vec![$(Box::new($rows.iter().map(|$row| $column).collect::<Vec<_>>()) as Param),+]
    };
}

fn change_params(changes: Vec<Change>) -> Vec<Param> {
    columns!(changes, change =>
        change.id.0,
        change.task.0,
        change.account.to_string(),
        signed(change.number),
        change.position.to_i64(),
        stored_epoch(change.epoch),
        change.at.0,
        change.hash.to_vec(),
        change.previous.to_vec(),
        change.private,
        change.content.to_vec(),
    )
}

fn task_params(tasks: Vec<TaskRow>) -> Vec<Param> {
    columns!(tasks, task =>
        task.id,
        task.content.clone(),
        task.revision,
        task.withdrawn,
        task.status,
        task.needs_sender,
        task.comments,
        task.reminders,
        task.public.to_i64(),
        task.actor.to_string(),
        task.changed.to_i64(),
    )
}

fn ask_params(asks: Vec<AskRow>) -> Vec<Param> {
    let before = |ask: &AskRow| ask.before.clone();
    columns!(asks, ask =>
        ask.task,
        ask.recipient.to_string(),
        ask.step.state,
        ask.step.percent,
        ask.step.answer.clone(),
        ask.step.reason.clone(),
        before(ask).map(|step| step.state),
        before(ask).map(|step| step.percent),
        before(ask).and_then(|step| step.answer),
        before(ask).map(|step| step.reason),
        ask.changed.to_i64(),
    )
}

fn note_params(notes: Vec<NoteRow>) -> Vec<Param> {
    columns!(notes, note =>
        note.task,
        note.account.to_string(),
        note.labels.clone(),
        note.snoozed_until.clone(),
        note.read.to_i64(),
    )
}

/// What the first query of [`Statements::read`] gave.
///
/// # Errors
/// If a row is not what the schema promises.
pub fn earlier(row: &Row) -> Result<EarlierRow, Error> {
    Ok(EarlierRow {
        id: row.try_get("id")?,
        task: row.try_get("task")?,
        account: stored_name(row.try_get("account")?),
        number: unsigned(row.try_get("number")?),
        position: Position::from_i64(row.try_get("position")?),
        hash: super::apply::hash(row, "hash")?,
        content: row.try_get("content")?,
    })
}

/// What the second query gave.
///
/// # Errors
/// As [`earlier`].
pub fn task(row: &Row) -> Result<TaskRow, Error> {
    Ok(TaskRow {
        id: row.try_get("id")?,
        sender: stored_name(row.try_get("sender")?),
        content: Some(row.try_get("content")?),
        revision: row.try_get("revision")?,
        withdrawn: row.try_get("withdrawn")?,
        status: 0,
        needs_sender: false,
        comments: row.try_get("comments")?,
        reminders: row.try_get("reminders")?,
        public: Position::from_i64(row.try_get("public")?),
        actor: stored_name(row.try_get("actor")?),
        changed: Position::from_i64(row.try_get("changed")?),
    })
}

/// What the third query gave.
///
/// # Errors
/// As [`earlier`].
pub fn ask(row: &Row) -> Result<AskRow, Error> {
    let before: Option<i16> = row.try_get("before_state")?;
    let before = match before {
        None => None,
        Some(state) => Some(StepRow {
            state,
            percent: row.try_get("before_percent")?,
            answer: row.try_get("before_answer")?,
            reason: row.try_get("before_reason")?,
        }),
    };
    Ok(AskRow {
        task: row.try_get("task")?,
        recipient: stored_name(row.try_get("recipient")?),
        step: StepRow {
            state: row.try_get("state")?,
            percent: row.try_get("percent")?,
            answer: row.try_get("answer")?,
            reason: row.try_get("reason")?,
        },
        before,
        changed: Position::from_i64(row.try_get("changed")?),
    })
}

/// What the fourth query gave.
///
/// # Errors
/// As [`earlier`].
pub fn note(row: &Row) -> Result<NoteRow, Error> {
    Ok(NoteRow {
        task: row.try_get("task")?,
        account: stored_name(row.try_get("account")?),
        labels: row.try_get("labels")?,
        snoozed_until: row.try_get("snoozed_until")?,
        read: Position::from_i64(row.try_get("read")?),
    })
}
