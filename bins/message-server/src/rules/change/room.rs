//! How much may be said about a task: all of it goes to whoever polls, in one
//! answer with the task. Comments are not part of that.

use yoshi_protocol::{ErrorCode, Verb, cbor};

use super::{Refusal, Step, Task, refusal};

/// Bytes of all answers and reasons of one task. With the task itself and an
/// account's own labels they fit into [`yoshi_protocol::limit::ANSWER_BYTES_MAX`].
const SAID_BYTES_MAX: usize = 512 * 1024;

impl Task {
    /// Whether what a change says fits beside what was said before.
    ///
    /// # Errors
    /// `too_large`.
    pub(super) fn has_room_for(&self, verb: &Verb) -> Result<(), Refusal> {
        let adds = match verb {
            Verb::Decline { reason } => reason.len(),
            Verb::Complete(answer) => cbor::encode(answer).len(),
            Verb::Withdraw { reason, recipients } | Verb::Reopen { reason, recipients } => {
                let count = match recipients.len() {
                    0 => self.asks.len(),
                    named => named,
                };
                reason.len() * count
            }
            _ => 0,
        };
        if adds == 0 || self.said() + adds <= SAID_BYTES_MAX {
            return Ok(());
        }
        refusal(
            ErrorCode::TooLarge,
            "so much was said about the task that this does not fit any more: say it shorter, \
             or in a comment",
        )
    }

    /// Bytes of what was said, and of what an undo can bring back.
    fn said(&self) -> usize {
        let of = |step: &Step| {
            let answer = step.answer.as_ref();
            step.reason.len() + answer.map_or(0, |answer| cbor::encode(answer).len())
        };
        let asks = self.asks.iter();
        asks.map(|ask| of(&ask.step) + ask.before.as_ref().map_or(0, of))
            .sum()
    }
}
