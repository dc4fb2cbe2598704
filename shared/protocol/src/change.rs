//! What people do with a task once it is sent: accept, decline, complete,
//! revise, comment and so on (iTIP, RFC 5546: REPLY, REQUEST, CANCEL).
//!
//! As with tasks, servers keep the bytes that the client made. The form is
//! checked here; who may do what, and when, is the servers' to decide.

mod merge;
mod rules;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cbor::{self, Bound};
use crate::name::{AccountName, ChangeId, Position, TaskId};
use crate::task::{Completion, InvalidTask, Kind, NewTask, Privacy, When};

/// One thing that one account does with one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    /// Made by the client; the idempotency key of the change.
    pub id: ChangeId,
    /// The task.
    pub task: TaskId,
    /// What is done.
    pub verb: Verb,
}

/// What is done with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A recipient takes the task on.
    Accept,
    /// A recipient does not, or gives it back.
    Decline {
        /// Why; must not be empty.
        reason: String,
    },
    /// A recipient begins.
    Start,
    /// A recipient says how far they are.
    Progress {
        /// 0 to 99; done is [`Verb::Complete`].
        percent: u8,
    },
    /// A recipient is done, with the answer that the task's kind demands.
    Complete(Answer),
    /// A recipient takes their latest step back; one step at most.
    Undo,
    /// The sender changes what is wanted.
    Revise(Box<Revise>),
    /// The sender no longer wants it.
    Withdraw {
        /// Why; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// Of whom; everybody if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        recipients: Vec<AccountName>,
    },
    /// The sender asks again those who have completed or declined, or from whom
    /// it was withdrawn.
    Reopen {
        /// Why; must not be empty.
        reason: String,
        /// Whom; everybody if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        recipients: Vec<AccountName>,
    },
    /// The sender reminds those who are not done.
    Remind,
    /// The sender or a recipient says something about it.
    Comment {
        /// Markdown; must not be empty. At most [`crate::limit::COMMENT_BYTES_MAX`].
        text: String,
    },
    /// For oneself: out of sight until then; never touches the due date.
    Snooze {
        /// None ends it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<When>,
    },
    /// For oneself: these labels, and no others.
    Label {
        /// Each once.
        labels: Vec<String>,
    },
    /// For oneself: read, or unread.
    Read {
        /// Which.
        read: bool,
        /// What was read is the task as it stood at this position: its `changed`,
        /// as the reader saw it. What has happened since stays unread. None means
        /// everything up to now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<Position>,
    },
}

/// A recipient's answer, by the kind of the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `do`: done.
    Done {
        /// What to say about it; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// To `decide`: the option that was chosen.
    Decided {
        /// Why; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// One of the task's options.
        option: String,
    },
    /// To `answer`.
    Answered {
        /// The answer; must not be empty.
        text: String,
    },
    /// To `review`.
    Reviewed {
        /// What to say; must not be empty if changes are wanted.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// The verdict.
        verdict: Verdict,
    },
    /// To `read` and `note`: seen.
    Acknowledged,
}

/// What a review comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is good as it is.
    Approve,
    /// It needs changes.
    Changes,
}

/// A sender's change of a task. Absent fields stay as they are; a field that may
/// be unset is unset by null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revise {
    /// When it is wanted.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub due: Option<Option<When>>,
    /// What is wanted, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What kind of answer is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Web addresses that belong to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<String>>,
    /// Not before.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub start: Option<Option<When>>,
    /// What is wanted, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The sender's estimate, in minutes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub effort: Option<Option<u32>>,
    /// The sender's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// What to choose between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// Who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
    /// The revision that the sender saw; another one is a conflict.
    pub revision: u32,
    /// Whose answers complete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
    /// 0 unset, 1 highest, 5 normal, 9 lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<u8>,
    /// When an answer is wanted.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub respond_by: Option<Option<When>>,
}

/// A present field, null included.
fn some<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl TaskChange {
    /// A change with a fresh id.
    #[must_use]
    pub fn new(task: TaskId, verb: Verb) -> Self {
        Self {
            id: ChangeId::fresh(),
            task,
            verb,
        }
    }

    /// Decodes a change and checks its form.
    ///
    /// # Errors
    /// [`InvalidTask`], in words for the person.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTask> {
        let change: Self = cbor::decode(bytes, Bound::TASK)?;
        change.verb.check()?;
        Ok(change)
    }

    /// Decodes a change of the log, whose form was checked before it got there:
    /// rules that were added later do not hold for it.
    ///
    /// # Errors
    /// [`InvalidTask`].
    pub fn decode_logged(bytes: &[u8]) -> Result<Self, InvalidTask> {
        Ok(cbor::decode(bytes, Bound::TASK)?)
    }
}

impl Verb {
    /// Whether only the account that does it ever sees it.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        matches!(
            self,
            Self::Snooze { .. } | Self::Label { .. } | Self::Read { .. }
        )
    }
}

impl Revise {
    /// The task as it is after this change, as far as this release knows its
    /// fields. Id and recipients stay. Servers keep [`Revise::merge`].
    #[must_use]
    pub fn apply(&self, task: &NewTask) -> NewTask {
        fn or<T: Clone>(new: Option<&T>, old: &T) -> T {
            new.unwrap_or(old).clone()
        }
        NewTask {
            id: task.id,
            due: or(self.due.as_ref(), &task.due),
            body: or(self.body.as_ref(), &task.body),
            kind: or(self.kind.as_ref(), &task.kind),
            links: or(self.links.as_ref(), &task.links),
            start: or(self.start.as_ref(), &task.start),
            title: or(self.title.as_ref(), &task.title),
            effort: or(self.effort.as_ref(), &task.effort),
            labels: or(self.labels.as_ref(), &task.labels),
            parent: task.parent,
            options: or(self.options.as_ref(), &task.options),
            privacy: or(self.privacy.as_ref(), &task.privacy),
            completion: or(self.completion.as_ref(), &task.completion),
            depends_on: task.depends_on,
            importance: or(self.importance.as_ref(), &task.importance),
            recipients: task.recipients.clone(),
            respond_by: or(self.respond_by.as_ref(), &task.respond_by),
        }
    }

    /// Whether it changes what was asked, so that recipients are asked again:
    /// not importance, labels, links, privacy or whose answers complete it.
    #[must_use]
    pub const fn asks_again(&self) -> bool {
        self.due.is_some()
            || self.body.is_some()
            || self.kind.is_some()
            || self.start.is_some()
            || self.title.is_some()
            || self.effort.is_some()
            || self.options.is_some()
            || self.respond_by.is_some()
    }
}
