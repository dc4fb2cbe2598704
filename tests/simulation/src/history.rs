//! What clients saw, written down as it happened, and what is wrong with it.
//! It knows nothing of how the servers work.

use std::collections::BTreeMap;

use bytes::Bytes;
use message_server::rules::Proof;
use yoshi_protocol::{AccountName, ErrorCode, Position, TaskId};

use crate::clock::Micros;
use crate::message::Answer;

/// A task that a client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Who sent it.
    pub(crate) sender: AccountName,
    /// To whom.
    pub(crate) recipients: Vec<AccountName>,
    /// Its bytes.
    pub(crate) content: Bytes,
    /// When it was first sent.
    pub(crate) invoked: Micros,
    /// When success was reported, and what was reported.
    pub(crate) done: Option<(Micros, Proof)>,
    /// It was refused for good.
    pub(crate) refused: Option<ErrorCode>,
}

/// The history of a run.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Every task.
    pub(crate) sends: BTreeMap<TaskId, Sent>,
    /// What each account's polls have shown, in order, and how far.
    pub(crate) seen: BTreeMap<AccountName, (Vec<(Position, TaskId)>, Position)>,
    /// Polls that were answered unmarked.
    pub(crate) polls: usize,
    /// What is wrong.
    pub(crate) violations: Vec<String>,
    /// Whether a poll by whoever and wherever must show what was acknowledged.
    pub(crate) fresh: bool,
}

impl History {
    /// Something is wrong.
    pub(crate) fn violated(&mut self, invariant: &str, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(format!("{invariant}: {what}"));
        }
    }

    /// A client was told that its task is accounted for.
    pub(crate) fn acknowledged(&mut self, id: TaskId, now: Micros, proof: Proof) {
        let Some(sent) = self.sends.get_mut(&id) else {
            return;
        };
        match sent.done {
            None => sent.done = Some((now, proof)),
            Some((_, first)) if first != proof => {
                let what = format!("{id} has two receipts: {first:?} and {proof:?}");
                self.violated("I3", what);
            }
            Some(_) => {}
        }
    }

    /// An account polled after `since`, at `invoked`, and this came back.
    pub(crate) fn polled(
        &mut self,
        account: &AccountName,
        invoked: Micros,
        since: Position,
        answer: &Answer,
    ) {
        let Answer::Polled {
            tasks,
            cursor,
            behind,
            server,
            asks,
        } = answer
        else {
            return;
        };
        let positions = std::iter::once(since).chain(tasks.iter().map(|(position, _)| *position));
        let positions: Vec<_> = positions.collect();
        if !positions.is_sorted_by(|one, other| one < other)
            || *cursor < *positions.last().unwrap_or(&since)
        {
            self.violated(
                "I6",
                format!("{account} got {positions:?} up to {cursor} from server {server}"),
            );
        }
        for (id, asked, recipients) in asks {
            if asked != recipients {
                self.violated(
                    "I8",
                    format!("server {server} shows {id} to {asked} of {recipients}"),
                );
            }
        }
        if *behind || !self.fresh {
            return;
        }
        self.polls += 1;
        let missing = self.sends.iter().find(|(id, sent)| {
            let due = sent
                .done
                .is_some_and(|(done, proof)| done < invoked && proof.position > since);
            due && sent.recipients.contains(account) && !tasks.iter().any(|(_, shown)| shown == *id)
        });
        if let Some((id, sent)) = missing {
            let what = format!(
                "server {server} did not show {id}, {:?}, to {account} at {invoked}",
                sent.done
            );
            self.violated("I7", what);
        }
    }

    /// The next poll of a client that keeps its cursor.
    pub(crate) fn continued(&mut self, account: &AccountName, answer: &Answer) {
        let Answer::Polled { tasks, cursor, .. } = answer else {
            return;
        };
        let (seen, reached) = self.seen.entry(account.clone()).or_default();
        seen.extend(tasks);
        *reached = *cursor;
    }

    /// Where an account's next poll goes on.
    #[must_use]
    pub(crate) fn cursor(&self, account: &AccountName) -> Position {
        self.seen
            .get(account)
            .map_or(Position::ZERO, |(_, cursor)| *cursor)
    }

    /// Tasks whose success was reported.
    #[must_use]
    pub(crate) fn successes(&self) -> usize {
        self.sends
            .values()
            .filter(|sent| sent.done.is_some())
            .count()
    }
}
