//! Whether one copy of a log is the beginning of another. Pure: pages of both are
//! passed in.
//!
//! A position says how far a copy reaches, not of what: after a log was put back
//! from an older backup and written on, two servers may hold different blocks at one
//! sequence. Two copies are of one history if the last blocks of the shorter one
//! stand at the same places in the longer one, byte for byte: [`BLOCKS_COMPARED`] of
//! them, or all. A block stands at one place in two histories only if it stood there
//! before they parted, or if its root did not know its fate and sent it again. A
//! root has one such block at a time, so that many in a row are none of those.

use std::collections::VecDeque;

use crate::Position;
use crate::limit::{ACCOUNT_BLOCKS_WHOLE, POSITIONS_PER_BLOCK};
use crate::message::log::{LogEntry, LogPage};
use crate::subject::Role;

/// Blocks with entries that had an effect, which must be equal in a row.
pub const BLOCKS_COMPARED: u64 = 256;
/// By how much more the next look takes in, if the last one saw too few blocks.
const WIDER: u64 = 4;

/// From where on a copy of a log that has come to `applied` is whole.
#[must_use]
pub fn whole_after(role: Role, applied: Position) -> Position {
    match role {
        Role::Ms => Position::ZERO,
        Role::Rs => {
            let whole = ACCOUNT_BLOCKS_WHOLE * POSITIONS_PER_BLOCK;
            Position(applied.0.saturating_sub(whole))
        }
    }
}

/// What two copies turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The copy up to the end of the comparison is the beginning of the other one.
    Same,
    /// They are two histories: what stands up to here is all that they share.
    Parted(Position),
    /// Too few blocks were seen to tell: look again from here.
    Again(Position),
}

/// Which copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one whose end is known.
    One,
    /// The one that may be longer.
    Other,
}

/// A comparison of two copies, from one position to the end of the shorter one.
#[derive(Debug)]
pub struct Comparison {
    since: Position,
    until: Position,
    floor: Position,
    sides: [Copied; 2],
    /// Equal blocks so far, and the last of them.
    blocks: u64,
    last: Option<u64>,
}

/// What is known of one copy, and not compared yet.
#[derive(Debug)]
struct Copied {
    entries: VecDeque<LogEntry>,
    through: Position,
}

impl Comparison {
    /// The first look at what stands up to `until`. Before `floor` the copies
    /// cannot be compared.
    #[must_use]
    pub fn up_to(until: Position, floor: Position) -> Self {
        Self::new(back(until, BLOCKS_COMPARED), until, floor)
    }

    /// Another look, from the position of [`Found::Again`].
    #[must_use]
    pub fn again(self, since: Position) -> Self {
        Self::new(since, self.until, self.floor)
    }

    fn new(since: Position, until: Position, floor: Position) -> Self {
        let since = since.max(floor);
        let side = || Copied {
            entries: VecDeque::new(),
            through: since,
        };
        Self {
            since,
            until,
            floor,
            sides: [side(), side()],
            blocks: 0,
            last: None,
        }
    }

    /// Whose page after which position is wanted next; none at the end.
    #[must_use]
    pub fn wanted(&self) -> Option<(Side, Position)> {
        let wanting = |copied: &Copied| copied.entries.is_empty() && copied.through < self.until;
        let [one, other] = &self.sides;
        if wanting(one) {
            Some((Side::One, one.through))
        } else if wanting(other) {
            Some((Side::Other, other.through))
        } else {
            None
        }
    }

    /// Takes the page that was wanted. Answers what the copies are, once that is
    /// known; whether a page leads on must have been checked.
    pub fn take(&mut self, side: Side, page: LogPage) -> Option<Found> {
        let until = self.until;
        let copied = &mut self.sides[usize::from(side == Side::Other)];
        copied.through = page.through.min(until);
        let within = |entry: &LogEntry| entry.position <= until;
        copied
            .entries
            .extend(page.entries.into_iter().filter(within));
        self.compare()
    }

    fn compare(&mut self) -> Option<Found> {
        loop {
            let [one, other] = &mut self.sides;
            let first = match (one.entries.front(), other.entries.front()) {
                (Some(of_one), Some(of_other)) if of_one == of_other => {
                    let sequence = of_one.position.sequence();
                    if self.last.replace(sequence) != Some(sequence) {
                        self.blocks += 1;
                    }
                    one.entries.pop_front();
                    other.entries.pop_front();
                    continue;
                }
                (Some(of_one), Some(of_other)) => of_one.position.min(of_other.position),
                // The one has nothing up to there, where the other has something.
                (Some(entry), None) if other.through >= entry.position => entry.position,
                (None, Some(entry)) if one.through >= entry.position => entry.position,
                (Some(_), None) | (None, Some(_)) => return None,
                (None, None) => {
                    let is_over = one.through.min(other.through) >= self.until;
                    return is_over.then(|| self.concluded(Found::Same));
                }
            };
            // A block is one thing: what of it was equal before is not shared.
            if self.last == Some(first.sequence()) {
                self.blocks -= 1;
            }
            let shared = back(first, 1).max(self.since);
            return Some(self.concluded(Found::Parted(shared)));
        }
    }

    /// Too few equal blocks prove nothing, unless there are no more.
    fn concluded(&self, found: Found) -> Found {
        if self.blocks >= BLOCKS_COMPARED || self.since <= self.floor {
            return found;
        }
        let span = self.until.sequence().saturating_sub(self.since.sequence());
        Found::Again(back(self.until, span.saturating_mul(WIDER)).max(self.floor))
    }

    /// Whether anything at all was equal: where the beginning is out of reach, two
    /// copies without an entry prove nothing.
    #[must_use]
    pub fn has_seen_blocks(&self) -> bool {
        self.blocks > 0
    }
}

/// The end of the block so many blocks before the one of a position.
fn back(from: Position, blocks: u64) -> Position {
    let sequence = from.sequence().saturating_sub(blocks);
    match sequence {
        0 => Position::ZERO,
        _ => Position::end_of_block(sequence),
    }
}

#[cfg(test)]
mod tests;
