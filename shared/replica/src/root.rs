//! The root's bookkeeping: which entries go into the next block, which are
//! stored, and which every live peer has accounted for (§5.2). Pure: time is
//! passed in, and nothing here sends, reads or waits.
//!
//! Rules held here:
//! - one block in flight; the next goes when this server has applied it, and is
//!   made of what has queued up meanwhile. Sooner, blocks would be smaller and
//!   dearer, and nobody served sooner;
//! - an account's entries wait until its previous ones are accounted for, and
//!   those queued meanwhile travel together, in order;
//! - an entry is done when this server has applied it and every peer that
//!   counts has accounted for its position (`peers`).

mod peers;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_bytes::ByteBuf;
use yoshi_planted::Fault;
use yoshi_protocol::limit::{BLOCK_ENTRIES_BYTES_MAX, BLOCK_ENTRIES_MAX};
use yoshi_protocol::{AccountName, Incarnation, Position, ServerId};

use crate::{Accounted, Peer};
use peers::Peers;

pub use peers::Down;

/// Entries that may wait for a block; more are refused as busy.
pub const WAITING_ENTRIES_MAX: usize = 20_000;
/// Bytes of the entries that may wait for a block.
pub const WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The bookkeeping of one root. `T` is whatever the caller wants back with the
/// result; `O` is the state machine's outcome.
pub struct Root<T, O> {
    own: ServerId,
    beta: Duration,
    applied: Position,
    accounts: HashMap<AccountName, Account<T>>,
    /// Accounts with entries waiting and none unaccounted, longest waiting first.
    ready: VecDeque<AccountName>,
    waiting_entries: usize,
    waiting_bytes: usize,
    in_flight: Vec<InFlight<T>>,
    /// Outcomes of the block in flight, when its own application overtook the
    /// acknowledgement that it is stored.
    early: Vec<(Position, O)>,
    stored: VecDeque<Stored<T, O>>,
    peers: Peers,
}

struct Account<T> {
    waiting: VecDeque<(T, ByteBuf)>,
    unaccounted: usize,
}

struct InFlight<T> {
    ticket: T,
    account: AccountName,
}

struct Stored<T, O> {
    ticket: T,
    account: AccountName,
    position: Position,
    outcome: Option<O>,
    since: Instant,
}

impl<T, O> Root<T, O> {
    /// A root with nothing to do.
    #[must_use]
    pub fn new(own: ServerId, beta: Duration, applied: Position) -> Self {
        Self {
            own,
            beta,
            applied,
            accounts: HashMap::new(),
            ready: VecDeque::new(),
            waiting_entries: 0,
            waiting_bytes: 0,
            in_flight: Vec::new(),
            early: Vec::new(),
            stored: VecDeque::new(),
            peers: Peers::default(),
        }
    }

    /// Queues an entry of an account.
    ///
    /// # Errors
    /// The ticket back, if too much is waiting already.
    pub fn submit(&mut self, ticket: T, account: AccountName, entry: Vec<u8>) -> Result<(), T> {
        if self.waiting_entries >= WAITING_ENTRIES_MAX
            || self.waiting_bytes + entry.len() > WAITING_BYTES_MAX
        {
            return Err(ticket);
        }
        self.waiting_entries += 1;
        self.waiting_bytes += entry.len();
        let queue = self
            .accounts
            .entry(account.clone())
            .or_insert_with(|| Account {
                waiting: VecDeque::new(),
                unaccounted: 0,
            });
        queue.waiting.push_back((ticket, ByteBuf::from(entry)));
        if queue.unaccounted == 0 && queue.waiting.len() == 1 {
            self.ready.push_back(account);
        }
        Ok(())
    }

    /// Whether a block may be published now.
    #[must_use]
    pub fn may_publish(&self) -> bool {
        let applied = self
            .stored
            .back()
            .is_none_or(|entry| entry.outcome.is_some());
        self.in_flight.is_empty() && applied && !self.ready.is_empty()
    }

    /// The entries of the next block, if one may be published now.
    pub fn next_block(&mut self) -> Option<Vec<ByteBuf>> {
        if !self.may_publish() {
            return None;
        }
        let mut entries = Vec::new();
        let mut bytes = 0;
        while let Some(name) = self.ready.front() {
            let account = self
                .accounts
                .get_mut(name)
                .expect("a ready account has a queue");
            let before = entries.len();
            while let Some((_, entry)) = account.waiting.front() {
                if entries.len() == BLOCK_ENTRIES_MAX
                    || (bytes + entry.len() > BLOCK_ENTRIES_BYTES_MAX && !entries.is_empty())
                {
                    break;
                }
                bytes += entry.len();
                let (ticket, entry) = account.waiting.pop_front().expect("it was just seen");
                self.in_flight.push(InFlight {
                    ticket,
                    account: name.clone(),
                });
                entries.push(entry);
            }
            account.unaccounted += entries.len() - before;
            if entries.len() == before {
                break;
            }
            self.ready.pop_front();
        }
        self.waiting_entries -= entries.len();
        self.waiting_bytes -= bytes;
        if !entries.is_empty() {
            self.peers.before_a_block();
        }
        (!entries.is_empty()).then_some(entries)
    }

    /// The block in flight is stored at this stream sequence.
    pub fn stored(&mut self, sequence: u64, now: Instant) {
        self.peers.stored(sequence);
        for (index, InFlight { ticket, account }) in self.in_flight.drain(..).enumerate() {
            let position = Position::in_block(sequence, index);
            self.stored.push_back(Stored {
                ticket,
                account,
                position,
                outcome: None,
                since: now,
            });
        }
        let early = std::mem::take(&mut self.early);
        self.outcomes(early);
    }

    /// The log was lost, and another one continues it: the blocks that were
    /// stored and that this server has not applied may be in no log. Answers
    /// the tickets of their entries, whose fate is unknown; they wait no more.
    pub fn forget_stored(&mut self) -> Vec<T> {
        self.early.clear();
        let (kept, forgotten): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.stored)
            .into_iter()
            .partition(|entry| entry.outcome.is_some());
        self.stored = kept;
        forgotten
            .into_iter()
            .map(
                |Stored {
                     ticket, account, ..
                 }| {
                    self.release(account);
                    ticket
                },
            )
            .collect()
    }

    /// This server has applied the log up to `position`.
    pub fn applied(&mut self, position: Position) {
        self.applied = self.applied.max(position);
    }

    /// What became of entries of this process, in order. Comes before
    /// [`Root::applied`] passes their positions.
    pub fn outcomes(&mut self, outcomes: Vec<(Position, O)>) {
        for (position, outcome) in outcomes {
            match self
                .stored
                .binary_search_by_key(&position, |entry| entry.position)
            {
                Ok(index) => self.stored[index].outcome = Some(outcome),
                // Its block may be the one in flight; anything else is nobody's.
                Err(_) if self.early.len() < self.in_flight.len() => {
                    self.early.push((position, outcome));
                }
                Err(_) => {}
            }
        }
    }

    /// A peer says that it has committed everything up to `position`.
    pub fn accounted(&mut self, server: ServerId, incarnation: Incarnation, position: Position) {
        self.peers.accounted(server, incarnation, position);
    }

    /// The log that this server follows from now on. What the others said of
    /// another one's positions counts no more.
    pub fn follow(&mut self, log: Incarnation) {
        self.peers.follow(log);
    }

    /// A peer says that it has committed everything up to `position` of a log; of
    /// this server's, if it does not say which.
    pub fn accounted_in(
        &mut self,
        stream: Option<Incarnation>,
        (server, incarnation): (ServerId, Incarnation),
        position: Position,
    ) {
        if self.peers.is_of_this_log(stream) {
            self.accounted(server, incarnation, position);
        }
    }

    /// Who is there now. Peers that are gone are waited for no more.
    pub fn set_peers(&mut self, peers: &[Peer]) {
        self.peers.set(self.own, peers);
    }

    /// Finds the peers that have let the oldest entry wait for longer than β.
    pub fn tick(&mut self, now: Instant) -> Vec<Down> {
        let Some(oldest) = self.stored.front() else {
            return Vec::new();
        };
        let waited = now.duration_since(oldest.since);
        if oldest.outcome.is_none() || waited < self.beta {
            return Vec::new();
        }
        let waited_for = oldest.position;
        let newest = self.stored.back().expect("it has a front").position;
        self.peers.miss(waited_for, waited, newest)
    }

    /// The entries that are done, in the order of their positions. None stands
    /// for an entry that this server has committed without learning its outcome:
    /// it came from a neighbour, which does not tell whose it was.
    pub fn done(&mut self) -> Vec<(T, Option<Accounted<O>>)> {
        let watermark = match yoshi_planted::is(Fault::SuccessWithoutPeers) {
            true => self.applied,
            false => self.peers.watermark(self.applied),
        };
        let mut done = Vec::new();
        while let Some(entry) = self.stored.front()
            && (entry.position <= watermark
                || (entry.position <= self.applied && entry.outcome.is_none()))
        {
            let Stored {
                ticket,
                account,
                position,
                outcome,
                ..
            } = self.stored.pop_front().expect("it was just seen");
            self.release(account);
            let accounted_for = self.peers.holders(self.own, position);
            let accounted = outcome.map(|outcome| Accounted {
                outcome,
                position,
                accounted_for,
            });
            done.push((ticket, accounted));
        }
        done
    }

    /// Whether nothing waits, is in flight, or is unaccounted for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Entries that wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting_entries
    }

    /// Entries that are in flight or unaccounted for.
    #[must_use]
    pub fn unaccounted(&self) -> usize {
        self.in_flight.len() + self.stored.len()
    }

    /// One entry of the account is accounted for; perhaps its next may go.
    fn release(&mut self, name: AccountName) {
        let account = self
            .accounts
            .get_mut(&name)
            .expect("an unaccounted entry has an account");
        account.unaccounted -= 1;
        if account.unaccounted > 0 {
            return;
        }
        if account.waiting.is_empty() {
            self.accounts.remove(&name);
        } else {
            self.ready.push_back(name);
        }
    }
}

#[cfg(test)]
mod tests;
