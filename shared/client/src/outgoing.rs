//! A task on its way out: made regular, checked and encoded once.

use std::collections::BTreeSet;

use serde_bytes::ByteBuf;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::{InvalidTask, NewTask, TaskId};

/// A checked task as the bytes that servers will keep. Sending it again sends
/// the same bytes, so the first receipt comes back and nothing is doubled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    id: TaskId,
    pub(crate) bytes: ByteBuf,
}

impl Outgoing {
    /// Turns CRLF in the body into LF, drops recipients that stand there twice,
    /// checks the form, and encodes.
    ///
    /// # Errors
    /// [`InvalidTask`], which names the field that breaks a rule.
    pub fn new(mut task: NewTask) -> Result<Self, InvalidTask> {
        if task.body.contains('\r') {
            task.body = task.body.replace("\r\n", "\n").replace('\r', "\n");
        }
        if task.recipients.len() > 1 {
            let mut seen = BTreeSet::new();
            task.recipients.retain(|name| seen.insert(name.clone()));
        }
        task.check()?;
        let bytes = cbor::encode(&task);
        cbor::check(&bytes, Bound::TASK)?;
        Ok(Self {
            id: task.id,
            bytes: ByteBuf::from(bytes),
        })
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::AccountName;

    fn task() -> NewTask {
        let name = |text| AccountName::new(text).unwrap();
        let mut task = NewTask::new("Ship", vec![name("bo"), name("ana"), name("bo")]);
        task.body = "one\r\ntwo\rthree\n".to_owned();
        task
    }

    #[test]
    fn line_ends_and_recipients_are_made_regular() {
        let outgoing = Outgoing::new(task()).unwrap();
        let sent = NewTask::decode(&outgoing.bytes).unwrap();
        assert_eq!(sent.body, "one\ntwo\nthree\n");
        let names: Vec<_> = sent.recipients.iter().map(AccountName::as_str).collect();
        assert_eq!(names, ["bo", "ana"]);
        assert_eq!(sent.id, outgoing.id());
    }

    #[test]
    fn a_bad_task_is_refused_before_it_is_sent() {
        let mut bad = task();
        bad.title = "a\nb".to_owned();
        assert!(matches!(
            Outgoing::new(bad),
            Err(InvalidTask::Field { field: "title", .. })
        ));
    }
}
