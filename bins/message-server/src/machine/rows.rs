//! Tasks and their asks between rules and rows.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::{Answer, ChangeId, TaskId, When};

use crate::rules::change::{Ask, Content, Note, State, Status, Step, Task};
use crate::rules::{Changes, Changing, EarlierChange, Proof};
use crate::store::changing::{self, AskRow, EarlierRow, NoteRow, Rows, StepRow, TaskRow};

const STATES: [State; 7] = [
    State::NeedsAction,
    State::Accepted,
    State::InProcess,
    State::Completed,
    State::Declined,
    State::Closed,
    State::Withdrawn,
];

const STATUSES: [Status; 4] = [
    Status::NeedsAction,
    Status::InProcess,
    Status::Completed,
    Status::Cancelled,
];

/// What a batch of changes touches, from the rows of
/// [`changing::Statements::read`].
pub(super) fn changing(
    earlier: &[Row],
    tasks: &[Row],
    asks: &[Row],
    notes: &[Row],
) -> Result<Changing, Error> {
    let mut of_tasks: HashMap<Uuid, (Vec<Ask>, BTreeMap<_, _>)> = HashMap::new();
    for row in asks {
        let row = changing::ask(row)?;
        of_tasks.entry(row.task).or_default().0.push(ask(row));
    }
    for row in notes {
        let row = changing::note(row)?;
        let (account, task) = (row.account.clone(), row.task);
        of_tasks
            .entry(task)
            .or_default()
            .1
            .insert(account, note(row));
    }
    let mut found = Changing::default();
    for row in tasks {
        let row = changing::task(row)?;
        let (asks, notes) = of_tasks.remove(&row.id).unwrap_or_default();
        found.tasks.insert(TaskId(row.id), task(row, asks, notes));
    }
    for row in earlier {
        let row = changing::earlier(row)?;
        found.earlier.insert(ChangeId(row.id), earlier_change(row));
    }
    Ok(found)
}

/// What a batch of changes writes.
pub(super) fn of(changes: &mut Changes) -> Rows {
    let tasks = std::mem::take(&mut changes.tasks);
    let mut rows = Rows {
        changes: std::mem::take(&mut changes.changes),
        ..Rows::default()
    };
    for task in tasks {
        let id = task.id.0;
        rows.asks
            .extend(task.asks.iter().map(|ask| ask_row(id, ask)));
        let notes = task.notes.iter();
        rows.notes.extend(notes.map(|(account, note)| NoteRow {
            task: id,
            account: account.clone(),
            labels: note.labels.join("\n"),
            snoozed_until: note.snoozed_until.as_ref().map(ToString::to_string),
            read: note.read,
        }));
        rows.tasks.push(task_row(task));
    }
    rows
}

/// The number that stands for a state in a row.
pub(crate) fn state_number(state: State) -> i16 {
    let index = STATES.iter().position(|known| *known == state);
    i16::try_from(index.expect("every state is in the list")).expect("there are seven")
}

/// The state that a number in a row stands for.
pub(crate) fn state(number: i16) -> State {
    let state = usize::try_from(number)
        .ok()
        .and_then(|number| STATES.get(number));
    *state.expect("a later release's states come with a schema that this one refuses")
}

/// The number that stands for a status in a row.
pub(crate) fn status_number(status: Status) -> i16 {
    let index = STATUSES.iter().position(|known| *known == status);
    i16::try_from(index.expect("every status is in the list")).expect("there are four")
}

/// The status that a number in a row stands for.
pub(crate) fn status(number: i16) -> Status {
    let status = usize::try_from(number)
        .ok()
        .and_then(|number| STATUSES.get(number));
    *status.expect("a later release's statuses come with a schema that this one refuses")
}

/// An answer as its row holds it.
pub(crate) fn answer(bytes: &[u8]) -> Answer {
    cbor::decode(bytes, Bound::TASK).expect("answers are stored as they were encoded")
}

fn task(row: TaskRow, asks: Vec<Ask>, notes: BTreeMap<yoshi_protocol::AccountName, Note>) -> Task {
    let content = row.content.unwrap_or_default();
    Task {
        id: TaskId(row.id),
        sender: row.sender,
        content: Content::read(content.into()).expect("tasks are checked before they are stored"),
        revision: count(row.revision),
        withdrawn: row.withdrawn,
        comments: count(row.comments),
        reminders: count(row.reminders),
        asks,
        notes,
        public: row.public,
        actor: row.actor,
        changed: row.changed,
    }
}

fn task_row(task: Task) -> TaskRow {
    TaskRow {
        id: task.id.0,
        status: status_number(task.status()),
        needs_sender: task.needs_sender(),
        content: (task.revision > 0).then(|| task.content.bytes().to_vec()),
        sender: task.sender,
        revision: number(task.revision),
        withdrawn: task.withdrawn,
        comments: number(task.comments),
        reminders: number(task.reminders),
        public: task.public,
        actor: task.actor,
        changed: task.changed,
    }
}

fn ask(row: AskRow) -> Ask {
    Ask {
        recipient: row.recipient,
        step: step(row.step),
        before: row.before.map(step),
        changed: row.changed,
    }
}

fn ask_row(task: Uuid, ask: &Ask) -> AskRow {
    AskRow {
        task,
        recipient: ask.recipient.clone(),
        step: step_row(&ask.step),
        before: ask.before.as_ref().map(step_row),
        changed: ask.changed,
    }
}

fn step(row: StepRow) -> Step {
    Step {
        state: state(row.state),
        percent: percent(row.percent),
        answer: row.answer.as_deref().map(answer),
        reason: row.reason,
    }
}

/// A percentage as its row holds it.
pub(crate) fn percent(stored: i16) -> u8 {
    u8::try_from(stored).expect("percents are stored")
}

fn step_row(step: &Step) -> StepRow {
    StepRow {
        state: state_number(step.state),
        percent: step.percent.into(),
        answer: step.answer.as_ref().map(cbor::encode),
        reason: step.reason.clone(),
    }
}

fn note(row: NoteRow) -> Note {
    Note {
        labels: labels(&row.labels),
        snoozed_until: row.snoozed_until.as_deref().map(moment),
        read: row.read,
    }
}

/// Labels as their row holds them.
pub(crate) fn labels(lines: &str) -> Vec<String> {
    lines.lines().map(str::to_owned).collect()
}

/// A moment as its row holds it.
pub(crate) fn moment(text: &str) -> When {
    text.parse()
        .expect("moments are stored as they are written")
}

fn earlier_change(row: EarlierRow) -> EarlierChange {
    EarlierChange {
        account: row.account,
        task: TaskId(row.task),
        content: Bytes::from(row.content),
        proof: Proof {
            number: row.number,
            position: row.position,
            hash: row.hash,
        },
    }
}

/// A count as its row holds it.
pub(crate) fn count(stored: i32) -> u32 {
    u32::try_from(stored).expect("counts are not negative")
}

fn number(count: u32) -> i32 {
    i32::try_from(count).expect("counts are bounded")
}
