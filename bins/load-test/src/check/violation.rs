//! What was found wrong.

use std::fmt;

use yoshi_protocol::TaskId;

/// Violations that are remembered; more are only counted.
const REMEMBERED_MAX: usize = 1_000;

/// A list of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Inbox,
    Sent,
}

/// What is wrong with a task in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Found {
    #[error("is missing, although its success was reported")]
    Missing,
    #[error("is there twice")]
    Doubled,
    #[error("does not stand after the one before it")]
    OutOfOrder,
    #[error("has number {number} where {expected} comes next")]
    Gap { expected: u64, number: u64 },
    #[error("was never sent")]
    NeverSent,
    #[error("was refused")]
    Refused,
    #[error("belongs to others")]
    Misdelivered,
    #[error("has another number or position than its receipt")]
    NotAsReceipt,
    #[error("stands before one whose success was reported before it was sent")]
    Overtaken,
    #[error("was not visible after its success was reported")]
    NotVisible,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    account: Option<u32>,
    view: View,
    task: TaskId,
    found: Found,
}

/// Everything that was found wrong.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    pub(crate) count: usize,
    remembered: Vec<Violation>,
}

impl Violations {
    pub(super) fn add(&mut self, account: u32, view: View, task: TaskId, found: Found) {
        self.push(Violation {
            account: Some(account),
            view,
            task,
            found,
        });
    }

    /// Adds the tasks that an observer did not see in time.
    pub(crate) fn not_visible(&mut self, tasks: &[TaskId]) {
        for task in tasks {
            self.push(Violation {
                account: None,
                view: View::Inbox,
                task: *task,
                found: Found::NotVisible,
            });
        }
    }

    /// The first ones, in words.
    pub(crate) fn first(&self, most: usize) -> Vec<String> {
        self.remembered
            .iter()
            .take(most)
            .map(ToString::to_string)
            .collect()
    }

    #[cfg(test)]
    pub(super) fn found(&self) -> Vec<Found> {
        self.remembered
            .iter()
            .map(|violation| violation.found)
            .collect()
    }

    fn push(&mut self, violation: Violation) {
        self.count += 1;
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(violation);
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::Inbox => "inbox",
            View::Sent => "sent tasks",
        };
        match self.account {
            Some(account) => write!(f, "{view} of account {account}: ")?,
            None => write!(f, "{view} of an observer: ")?,
        }
        write!(f, "task {} {}", self.task, self.found)
    }
}
