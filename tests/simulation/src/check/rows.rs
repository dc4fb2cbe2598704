//! What one database of a message server must be by itself.

use std::collections::{BTreeMap, BTreeSet};

use message_server::rules::change::{State, Status};
use yoshi_protocol::{AccountName, Completion, Position, TaskChange, TaskId, Verb};

use super::Wrong;
use crate::history::Item;
use crate::tasks::{TaskRow, Tasks, sent};

/// Everything that had an effect, in the order of the log: whose, and its number.
pub(super) fn entries(rows: &Tasks) -> BTreeMap<Position, (&AccountName, u64)> {
    let sends = rows.sends.values();
    let sends = sends.map(|send| (send.position, (&send.sender, send.number)));
    let changes = rows.changes.values();
    let changes = changes.map(|change| (change.position, (&change.account, change.number)));
    sends.chain(changes).collect()
}

/// What stands at a position.
pub(super) fn item(rows: &Tasks, position: Position) -> Option<Item> {
    let send = rows.sends.get(&position).map(|send| Item::Task(send.id));
    let change = rows.changes.get(&position);
    send.or_else(|| change.map(|change| Item::Change(change.id)))
}

/// I3, I4 and I8: each task and change once, numbers without a gap in the order
/// of the log, every recipient or none; and tasks as their changes make them.
pub(super) fn check(index: usize, rows: &Tasks, wrong: &mut Wrong) {
    let mut numbers: BTreeMap<&AccountName, u64> = BTreeMap::new();
    for (position, (account, number)) in entries(rows) {
        let due = numbers.entry(account).or_default();
        *due += 1;
        if number != *due {
            let what = format!(
                "server {index} has {number} of {account} at {position} where {due} is due"
            );
            wrong.push(("I4", what));
        }
    }
    let mut ids: BTreeSet<TaskId> = BTreeSet::new();
    for send in rows.sends.values() {
        if !ids.insert(send.id) {
            wrong.push(("I3", format!("server {index} has {} twice", send.id)));
        }
        let asked = rows.asked(send);
        if asked != send.recipients.len() {
            wrong.push((
                "I8",
                format!(
                    "server {index} shows {} to {asked} of {}",
                    send.id,
                    send.recipients.len()
                ),
            ));
        }
    }
    check_changes(index, rows, wrong);
}

fn check_changes(index: usize, rows: &Tasks, wrong: &mut Wrong) {
    let mut ids = BTreeSet::new();
    let mut changes: BTreeMap<TaskId, Vec<(Position, &AccountName, Verb)>> = BTreeMap::new();
    for change in rows.changes.values() {
        if !ids.insert(change.id) {
            wrong.push(("I3", format!("server {index} has {} twice", change.id)));
        }
        let Ok(TaskChange { verb, .. }) = TaskChange::decode_logged(&change.content) else {
            wrong.push(("I4", format!("{} cannot be read", change.id)));
            continue;
        };
        let of_task = changes.entry(change.task).or_default();
        of_task.push((change.position, &change.account, verb));
    }
    for send in rows.sends.values() {
        let Some(row) = rows.tasks.get(&send.id) else {
            wrong.push(("I4", format!("server {index} has no state of {}", send.id)));
            continue;
        };
        let changes = changes.remove(&send.id).unwrap_or_default();
        check_status(index, row, wrong);
        check_counts(index, row, &changes, wrong);
        // The same changes once more, one by one, from the beginning.
        let mut task = sent(send);
        for (position, account, verb) in changes {
            if let Err(refusal) = task.change(account, &verb, position) {
                let what = format!(
                    "server {index} has {verb:?} of {} by {account} at {position}: {}",
                    send.id, refusal.why
                );
                wrong.push(("rules", what));
            }
        }
        if task != row.task {
            let what = format!("server {index} has {:?}, and not {task:?}", row.task);
            wrong.push(("rules", what));
        }
    }
    if let Some(id) = changes.keys().next() {
        wrong.push((
            "I2",
            format!("server {index} has changes of {id}, which nobody sent"),
        ));
    }
}

/// The derived status, once more from the words of the product model (C.3).
fn check_status(index: usize, row: &TaskRow, wrong: &mut Wrong) {
    let states = row.task.asks.iter().map(|ask| ask.step.state);
    let wanted: Vec<_> = states.filter(|state| *state != State::Withdrawn).collect();
    let has = |state| wanted.contains(&state);
    let is_over =
        |state: &State| matches!(state, State::Completed | State::Declined | State::Closed);
    let is_done = has(State::Completed)
        && match row.task.content.task().completion {
            Completion::Any => true,
            Completion::All => wanted.iter().all(|state| *state == State::Completed),
            Completion::Each => wanted.iter().all(is_over),
        };
    let status = if row.task.withdrawn {
        Status::Cancelled
    } else if is_done {
        Status::Completed
    } else if has(State::Completed) || has(State::Accepted) || has(State::InProcess) {
        Status::InProcess
    } else {
        Status::NeedsAction
    };
    if row.status != status {
        let what = format!(
            "server {index} calls {} {:?}, and it is {status:?}: {wanted:?}",
            row.task.id, row.status
        );
        wrong.push(("status", what));
    }
}

/// Counts that need no rules: each revision saw the one before it, each comment
/// is counted once, and nobody takes more back than they did.
fn check_counts(
    index: usize,
    row: &TaskRow,
    changes: &[(Position, &AccountName, Verb)],
    wrong: &mut Wrong,
) {
    let id = row.task.id;
    let (mut revision, mut comments) = (0, 0);
    let mut last_was_undo: BTreeSet<&AccountName> = BTreeSet::new();
    for (position, account, verb) in changes {
        match verb {
            Verb::Revise(revise) => {
                if revise.revision != revision {
                    let what = format!(
                        "at {position} a revision of {id} saw {}, and {revision} was there",
                        revise.revision
                    );
                    wrong.push(("conflict", what));
                }
                revision += 1;
            }
            Verb::Comment { .. } => comments += 1,
            Verb::Undo => {
                if !last_was_undo.insert(account) {
                    let what = format!("at {position} {account} takes back a step of {id} twice");
                    wrong.push(("undo", what));
                }
            }
            Verb::Accept
            | Verb::Decline { .. }
            | Verb::Start
            | Verb::Progress { .. }
            | Verb::Complete(_) => {
                last_was_undo.remove(account);
            }
            Verb::Withdraw { .. }
            | Verb::Reopen { .. }
            | Verb::Remind
            | Verb::Snooze { .. }
            | Verb::Label { .. }
            | Verb::Read { .. } => {}
        }
    }
    if (row.task.revision, row.task.comments) != (revision, comments) {
        let what = format!(
            "server {index} counts {} revisions and {} comments of {id}, of {revision} and {comments}",
            row.task.revision, row.task.comments
        );
        wrong.push(("I3", what));
    }
}
