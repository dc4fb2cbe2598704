//! A task as its sender makes it, and the rules of its form (PRODUCT model:
//! iCalendar VTODO, RFC 5545).
//!
//! Servers keep and pass on the bytes that the client made, so that fields a
//! server does not know survive it. The form (`rules`) is checked before a task
//! is numbered: what one server accepts, every server can apply.

mod rules;
mod when;

use serde::{Deserialize, Serialize};

use crate::cbor::{self, Bound};
use crate::name::{AccountName, TaskId};

pub use rules::InvalidTask;
pub use when::{InvalidWhen, When};

/// A task for one or several recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// Made by the client; the idempotency key of the send.
    pub id: TaskId,
    /// When it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<When>,
    /// What is wanted, in Markdown. At most 64 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What kind of answer is wanted.
    #[serde(default)]
    pub kind: Kind,
    /// Web addresses that belong to it: `https`, `http` or `mailto`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Not before. Not after `due`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<When>,
    /// What is wanted, in one line of 1 to 255 characters.
    pub title: String,
    /// The sender's estimate, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<u32>,
    /// The sender's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// What to choose between: 2 to 10 for kind `decide`, each once, else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Who may see it.
    #[serde(default)]
    pub privacy: Privacy,
    /// When several are asked: whose answers complete it.
    #[serde(default)]
    pub completion: Completion,
    /// The task that must be done before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<TaskId>,
    /// iCalendar PRIORITY: 0 unset, 1 highest, 5 normal, 9 lowest.
    #[serde(default = "normal_importance")]
    pub importance: u8,
    /// Who is asked: 1 to 100 accounts, each once.
    pub recipients: Vec<AccountName>,
    /// When an answer (yes, no, later) is wanted: a date-time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<When>,
}

const IMPORTANCE_NORMAL: u8 = 5;

const fn normal_importance() -> u8 {
    IMPORTANCE_NORMAL
}

/// What kind of answer a task asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Do something.
    #[default]
    Do,
    /// Choose one of the options.
    Decide,
    /// Answer a question.
    Answer,
    /// Approve, or ask for changes.
    Review,
    /// Read it.
    Read,
    /// A note to oneself.
    Note,
}

/// Whose answers complete a task of several recipients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// The first one's.
    Any,
    /// Everybody's.
    #[default]
    All,
    /// Each one's for themselves.
    Each,
}

/// Who may see a task (iCalendar CLASS).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Anybody in the organisation.
    Public,
    /// Sender and recipients.
    #[default]
    Private,
    /// Sender and recipients, and it is not to be passed on.
    Confidential,
}

impl NewTask {
    /// A task with a title for these recipients, everything else at its default.
    #[must_use]
    pub fn new(title: impl Into<String>, recipients: Vec<AccountName>) -> Self {
        Self {
            id: TaskId::fresh(),
            due: None,
            body: String::new(),
            kind: Kind::default(),
            links: Vec::new(),
            start: None,
            title: title.into(),
            effort: None,
            labels: Vec::new(),
            parent: None,
            options: Vec::new(),
            privacy: Privacy::default(),
            completion: Completion::default(),
            depends_on: None,
            importance: IMPORTANCE_NORMAL,
            recipients,
            respond_by: None,
        }
    }

    /// Decodes a task and checks its form.
    ///
    /// # Errors
    /// [`InvalidTask`], in words for the sender.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTask> {
        let task: Self = cbor::decode(bytes, Bound::TASK)?;
        task.check()?;
        Ok(task)
    }

    /// Decodes a task of the log. Rules that were added later do not hold for
    /// it: it was accepted, and so every server must apply it.
    ///
    /// # Errors
    /// [`InvalidTask`].
    pub fn decode_logged(bytes: &[u8]) -> Result<Self, InvalidTask> {
        let task: Self = cbor::decode(bytes, Bound::TASK)?;
        task.check_logged()?;
        Ok(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> NewTask {
        NewTask::new("Ship 1.2", vec![AccountName::new("ana").unwrap()])
    }

    #[test]
    fn unknown_keys_are_ignored_and_known_ones_required() {
        let known = cbor::encode(&task());
        // One more pair at the end of the map: a key longer than all others.
        let mut newer = known.clone();
        newer[0] += 1;
        newer.extend(b"\x6dnewer_feature\xf5");
        assert_eq!(
            NewTask::decode(&newer).unwrap(),
            NewTask::decode(&known).unwrap()
        );
        assert!(matches!(
            NewTask::decode(b"\xa0"),
            Err(InvalidTask::Malformed(_))
        ));
    }
}
