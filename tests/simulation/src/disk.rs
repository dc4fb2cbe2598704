//! What a server's Postgres holds: rows and a position that change together,
//! in transactions that a crash leaves whole or undone.

use std::collections::BTreeMap;

use yoshi_protocol::{Incarnation, Position, ServerId};

use crate::bug::Bug;
use crate::message::{Decoded, Page};

/// The rows of one kind of server.
pub(crate) trait Rows: Default {
    /// What becomes of an entry.
    type Outcome: Clone + std::fmt::Debug;
    /// What a batch writes.
    type Change: Clone;

    /// Decides about entries by the real rules, and writes nothing.
    fn decide(
        &self,
        entries: &[(Position, Decoded)],
        bug: Option<Bug>,
    ) -> (Vec<Self::Outcome>, Self::Change);

    /// Writes a change.
    fn write(&mut self, change: Self::Change);

    /// The pieces that a driver with a transaction per recipient makes of a change.
    fn pieces(change: Self::Change) -> Vec<Self::Change> {
        vec![change]
    }

    /// The own copy of the log after a position: entries, and whether there is more.
    fn page(&self, since: Position) -> (Vec<(Position, Decoded)>, bool);

    /// The process has started again: whatever was only in memory is gone.
    fn restarted(&mut self, bug: Option<Bug>);
}

/// How far a database has applied which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Which stream.
    pub(crate) incarnation: Incarnation,
    /// How far.
    pub(crate) applied: Position,
}

/// A transaction under way. Its first piece moves the cursor.
#[derive(Debug)]
struct Transaction<C> {
    from: Position,
    to: Position,
    pieces: Vec<C>,
    moved: bool,
}

/// One server's database.
#[derive(Debug)]
pub(crate) struct Disk<R: Rows> {
    /// The server's identity.
    pub(crate) id: ServerId,
    /// The rows.
    pub(crate) rows: R,
    /// The position; none before the first start.
    pub(crate) cursor: Option<Cursor>,
    open: BTreeMap<u64, Transaction<R::Change>>,
    begun: u64,
}

impl<R: Rows> Disk<R> {
    /// An empty database.
    #[must_use]
    pub(crate) fn new(id: ServerId) -> Self {
        Self {
            id,
            rows: R::default(),
            cursor: None,
            open: BTreeMap::new(),
            begun: 0,
        }
    }

    /// Begins a transaction that moves the cursor from one position to another.
    pub(crate) fn begin(
        &mut self,
        from: Position,
        to: Position,
        change: R::Change,
        bug: Option<Bug>,
    ) -> u64 {
        let pieces = if bug == Some(Bug::TransactionPerRecipient) {
            R::pieces(change)
        } else {
            vec![change]
        };
        self.begun += 1;
        self.open.insert(
            self.begun,
            Transaction {
                from,
                to,
                pieces,
                moved: false,
            },
        );
        self.begun
    }

    /// Commits a transaction, or its next piece. None if it is gone; else
    /// whether it held, and whether pieces are left. It fails if the cursor
    /// does not stand where the transaction began.
    pub(crate) fn commit(&mut self, number: u64) -> Option<(bool, bool)> {
        let transaction = self.open.get_mut(&number)?;
        if !transaction.moved {
            let cursor = self
                .cursor
                .as_mut()
                .expect("a transaction has a cursor to move");
            if cursor.applied != transaction.from {
                self.open.remove(&number);
                return Some((false, false));
            }
            cursor.applied = transaction.to;
            transaction.moved = true;
        }
        if !transaction.pieces.is_empty() {
            self.rows.write(transaction.pieces.remove(0));
        }
        let more = !transaction.pieces.is_empty();
        if !more {
            self.open.remove(&number);
        }
        Some((true, more))
    }

    /// The transactions under way.
    #[must_use]
    pub(crate) fn open(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    /// The process, or Postgres, has died: what is open is undone, unless its
    /// commit was on the way already (`late`).
    pub(crate) fn crash(&mut self, late: bool) {
        if late {
            self.open.retain(|_, transaction| !transaction.moved);
        } else {
            self.open.clear();
        }
    }

    /// The log page that a neighbour asked for.
    #[must_use]
    pub(crate) fn page(&self, since: Position, applied: Position) -> Page {
        let (entries, full) = self.rows.page(since);
        let last = entries.last().map_or(since, |(position, _)| *position);
        let through = if full { last } else { last.max(applied) };
        Page { entries, through }
    }
}
