//! What is wanted: the bytes that the sender's client made, and what this release
//! reads in them. A revision changes the bytes, so that fields of later releases
//! stay, and every release comes to the same.

use bytes::Bytes;
use yoshi_protocol::{InvalidTask, NewTask, Revise};

/// A task's content, as last revised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    bytes: Bytes,
    task: NewTask,
}

impl Content {
    /// Reads an encoded task of the log.
    ///
    /// # Errors
    /// [`InvalidTask`].
    pub fn read(bytes: Bytes) -> Result<Self, InvalidTask> {
        let task = NewTask::decode_logged(&bytes)?;
        Ok(Self { bytes, task })
    }

    /// The encoded task.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What this release knows of it.
    #[must_use]
    pub fn task(&self) -> &NewTask {
        &self.task
    }

    /// The content after a revision.
    ///
    /// # Errors
    /// [`InvalidTask`], if it would be no task, a too large one, or start after it is due.
    pub fn revised(&self, revise: &Revise) -> Result<Self, InvalidTask> {
        let revised = Self::read(revise.merge(&self.bytes)?.into())?;
        if revise.start.is_some() || revise.due.is_some() {
            revised.task.check_start()?;
        }
        Ok(revised)
    }
}
