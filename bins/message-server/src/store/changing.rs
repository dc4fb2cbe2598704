//! Changes of tasks: reading what a batch of them touches, and writing what came
//! of it. Rows hold what the rules decided, encoded by whoever calls.

mod rows;

use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;
use yoshi_replica::{Param, Query, Write};

use super::apply::{query, signed, stored_epoch};
use crate::rules::Change;

pub use rows::{AskRow, EarlierRow, NoteRow, StepRow, TaskRow, ask, earlier, note, task};

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
