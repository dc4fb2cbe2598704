//! Changing tasks. A list shows a task where its latest change stands, and the
//! checker holds lists to what was sent. So each worker changes only tasks of an
//! account of its own, from and to it, whose list nobody reads.

use rand::RngExt;
use yoshi_protocol::{Answer, TaskChange, Verb};

use super::{Made, SENT_MAX, Sender, Worker, hex, keep, old, outcome_of};
use crate::history::{Call, Outcome};
use crate::operation::Act;

/// Tasks that a worker changes, the latest ones: so some get many changes.
const CHANGING_MAX: usize = 4;

impl Worker {
    pub(super) async fn send_to_self(&mut self) {
        let sender = self.changer.clone();
        let to = vec![sender.name.clone()];
        if let Some(sent) = self.send_new(sender, to).await {
            keep(&mut self.changing, sent, CHANGING_MAX);
        }
    }

    pub(super) async fn change(&mut self, act: Act) {
        if self.changing.is_empty() {
            self.send_to_self().await;
        }
        if self.changing.is_empty() {
            return;
        }
        let index = self.random.random_range(0..self.changing.len());
        let (task, id) = self.changing[index].clone();
        let mut made = Made {
            task,
            change: TaskChange::new(id, verb(act, self.fresh())),
            unclear: false,
        };
        made.unclear = self.try_change(&made).await;
        keep(&mut self.made, made, SENT_MAX);
    }

    pub(super) async fn change_again(&mut self, latest: bool) {
        let Some(index) = old(&mut self.random, self.made.len(), latest) else {
            return;
        };
        // An unclear one is worth more than the latest: its id is to settle it.
        let unclear = self.made.iter().rposition(|made| made.unclear);
        let index = unclear.filter(|_| latest).unwrap_or(index);
        let made = self.made[index].clone();
        self.made[index].unclear = self.try_change(&made).await;
    }

    /// Answers whether that is unclear.
    async fn try_change(&self, made: &Made) -> bool {
        let Made { task, change, .. } = made;
        let Sender { name, credential } = &self.changer;
        let call = Call::Change {
            account: name.to_string(),
            task: task.clone(),
            id: change.id.to_string(),
            what: what(&change.verb),
        };
        let ticket = self.shared.history.invoke(self.process, call);
        let changed = self.client.change_again(name, credential, change).await;
        let outcome = match changed {
            Ok(receipt) => Outcome::Changed {
                number: receipt.number,
                position: receipt.position.0,
                hash: hex(receipt.hash.as_ref()),
            },
            Err(error) => outcome_of(&error),
        };
        let unclear = matches!(outcome, Outcome::Unknown { .. });
        self.shared.history.end(ticket, outcome);
        unclear
    }
}

fn verb(act: Act, words: String) -> Verb {
    match act {
        Act::Comment => Verb::Comment { text: words },
        Act::Accept => Verb::Accept,
        Act::Start => Verb::Start,
        Act::Progress { percent } => Verb::Progress { percent },
        Act::Complete => Verb::Complete(Answer::Done { text: words }),
        Act::Undo => Verb::Undo,
        Act::Reopen => Verb::Reopen {
            reason: words,
            recipients: Vec::new(),
        },
        Act::Label => Verb::Label {
            labels: vec![words],
        },
    }
}

/// What a change does, in words that the history and the rows share.
pub(crate) fn what(verb: &Verb) -> String {
    format!("{verb:?}")
}
