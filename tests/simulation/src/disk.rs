//! What a server's Postgres holds: rows and a position that change together,
//! in transactions that a crash leaves whole or undone.

use std::collections::{BTreeMap, BTreeSet};

use yoshi_protocol::{Position, ServerId};
pub(crate) use yoshi_replica::Cursor;
use yoshi_replica::Lineage;

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

    /// What became of entries that are applied already; none of those of which
    /// that is not kept.
    fn recall(&self, entries: &[(Position, Decoded)]) -> Vec<Option<Self::Outcome>>;

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

/// Where a transaction finds the cursor, and where it leaves it.
#[derive(Debug, Clone)]
struct Move {
    from: Cursor,
    to: Cursor,
    /// The last block that was applied from the stream then.
    block: Option<(u64, String)>,
    /// Of a log that is taken up: the lost logs that it continues.
    lineage: Option<Lineage>,
}

/// A transaction under way. Its first piece moves the cursor, if anything does.
#[derive(Debug)]
struct Transaction<C> {
    moves: Option<Move>,
    pieces: Vec<C>,
    begun: bool,
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
    /// The last block that was applied from the stream: its sequence and message id.
    pub(crate) block: Option<(u64, String)>,
    /// The lost logs that the one it was filled from continues.
    pub(crate) lineage: Lineage,
    /// The servers that it has ever replicated with.
    pub(crate) known: BTreeSet<ServerId>,
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
            block: None,
            lineage: Lineage::default(),
            known: BTreeSet::new(),
            open: BTreeMap::new(),
            begun: 0,
        }
    }

    /// Begins a transaction that moves the cursor from one position to another,
    /// and applies `block` last; none if it is a neighbour's page.
    pub(crate) fn begin(
        &mut self,
        from: Position,
        to: Position,
        block: Option<(u64, String)>,
        change: R::Change,
        bug: Option<Bug>,
    ) -> u64 {
        let pieces = if bug == Some(Bug::TransactionPerRecipient) {
            R::pieces(change)
        } else {
            vec![change]
        };
        let cursor = self.cursor.expect("a transaction has a cursor to move");
        let at = |applied| Cursor { applied, ..cursor };
        let moves = Move {
            from: at(from),
            to: at(to),
            block: block.or_else(|| self.block.clone()),
            lineage: None,
        };
        self.open(Some(moves), pieces)
    }

    /// Begins to take up the log that continues the own one.
    pub(crate) fn begin_adoption(&mut self, from: Cursor, to: Cursor, lineage: Lineage) -> u64 {
        let moves = Move {
            from,
            to,
            block: None,
            lineage: Some(lineage),
        };
        self.open(Some(moves), Vec::new())
    }

    /// Begins a transaction that is not about the log.
    pub(crate) fn begin_aside(&mut self, change: R::Change) -> u64 {
        self.open(None, vec![change])
    }

    fn open(&mut self, moves: Option<Move>, pieces: Vec<R::Change>) -> u64 {
        self.begun += 1;
        let transaction = Transaction {
            moves,
            pieces,
            begun: false,
        };
        self.open.insert(self.begun, transaction);
        self.begun
    }

    /// Commits a transaction, or its next piece. None if it is gone; else
    /// whether it held, and whether pieces are left. It fails if the cursor
    /// does not stand where the transaction began.
    pub(crate) fn commit(&mut self, number: u64) -> Option<(bool, bool)> {
        let transaction = self.open.get_mut(&number)?;
        if let Some(moves) = transaction.moves.take() {
            if self.cursor != Some(moves.from) {
                self.open.remove(&number);
                return Some((false, false));
            }
            self.cursor = Some(moves.to);
            self.block = moves.block;
            self.lineage = moves
                .lineage
                .unwrap_or_else(|| std::mem::take(&mut self.lineage));
        }
        transaction.begun = true;
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
    pub(crate) fn under_way(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    /// The process, or Postgres, has died: what is open is undone, unless its
    /// commit was on the way already (`late`).
    pub(crate) fn crash(&mut self, late: bool) {
        if late {
            self.open.retain(|_, transaction| !transaction.begun);
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
