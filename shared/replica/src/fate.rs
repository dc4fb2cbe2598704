//! What becomes of a block on its way into the stream: which sequence it must
//! expect, and what the stream's word about it means. Pure; `publish` sends and
//! asks.
//!
//! A block's fate is unknown until the stream has taken it, or has said for
//! certain what it holds instead. Until then only the identical block is sent
//! again, and never the next one.

use yoshi_protocol::Incarnation;

/// What is known of this root's blocks in the stream.
#[derive(Debug, Clone)]
pub struct Fate {
    own: Incarnation,
    /// The sequence of this root's last block; none before the first look.
    last: Option<u64>,
    /// Whether this process has a block in the stream.
    has_published: bool,
    blocks: u64,
}

/// What to make of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The block is stored already, at this sequence.
    Stored(u64),
    /// It is not: send the identical block again.
    Again,
    /// Another process publishes under this server's id: stop for good.
    Fenced,
}

impl Fate {
    /// For a process that has not published yet.
    #[must_use]
    pub fn new(own: Incarnation) -> Self {
        Self {
            own,
            last: None,
            has_published: false,
            blocks: 0,
        }
    }

    /// The id of the next block, the same for every time that it is sent.
    pub fn next_id(&mut self) -> String {
        self.blocks += 1;
        format!("{}-{}", self.own, self.blocks)
    }

    /// The sequence that the stream must hold last for this root; none as long
    /// as nobody has looked.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        self.last
    }

    /// The first look: the sequence of the root's last block in the stream.
    pub fn looked(&mut self, last: Option<u64>) -> u64 {
        *self.last.insert(last.unwrap_or(0))
    }

    /// The stream has taken the block.
    pub fn stored(&mut self, sequence: u64) {
        self.last = Some(sequence);
        self.has_published = true;
    }

    /// The log is another one now, which continues the lost one: this root's
    /// blocks must be looked for anew.
    pub fn forget(&mut self) {
        self.last = None;
        self.has_published = false;
    }

    /// Whether the stream cannot be the one that took this root's last block.
    /// `found` is the sequence of the root's last block in it, `first` what the
    /// stream still holds. A block ages out with all that came before it, and
    /// is never replaced by an earlier one.
    #[must_use]
    pub fn is_contradicted(&self, first: u64, found: Option<u64>) -> bool {
        self.last
            .is_some_and(|last| last > 0 && last >= first && found.is_none_or(|found| found < last))
    }

    /// The stream refused the block `id`: it holds another last block of this
    /// root than expected. `last` is that block's sequence and message id, by
    /// the word of the stream's leader; none if the stream holds no block of it.
    pub fn settle(&mut self, id: &str, last: Option<(u64, Option<&str>)>) -> Settled {
        let Some((sequence, last_id)) = last else {
            // Every block of this root has aged out of the stream.
            self.last = Some(0);
            return Settled::Again;
        };
        let last_id = last_id.unwrap_or_default();
        if last_id == id {
            self.stored(sequence);
            return Settled::Stored(sequence);
        }
        if self.last.is_some_and(|last| sequence < last) {
            // Older than what the stream has taken: the word of a leader that
            // does not lead any more. Nothing follows from it.
            return Settled::Again;
        }
        let own = last_id.starts_with(&self.own.to_string());
        if own || !self.has_published {
            // Before this process's first block the last one may be of its
            // previous life: its block was still on the way at the first look.
            self.last = Some(sequence);
            return Settled::Again;
        }
        Settled::Fenced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_whose_acknowledgement_was_lost_is_found_and_not_sent_twice() {
        let mut fate = Fate::new(Incarnation::random());
        let id = fate.next_id();
        assert_eq!(fate.looked(Some(4)), 4);
        assert_eq!(fate.settle(&id, Some((9, Some(&id)))), Settled::Stored(9));
        assert_eq!(fate.expected(), Some(9));
        assert_ne!(fate.next_id(), id);
    }

    #[test]
    fn a_late_block_of_an_earlier_life_moves_the_expectation() {
        let mut fate = Fate::new(Incarnation::random());
        let id = fate.next_id();
        fate.looked(None);
        let late = format!("{}-7", Incarnation::random());
        assert_eq!(fate.settle(&id, Some((3, Some(&late)))), Settled::Again);
        assert_eq!(fate.expected(), Some(3));
    }

    #[test]
    fn after_an_own_block_somebody_elses_is_a_second_process() {
        let mut fate = Fate::new(Incarnation::random());
        fate.looked(None);
        let first = fate.next_id();
        fate.stored(3);
        let id = fate.next_id();
        assert_eq!(fate.settle(&id, Some((3, Some(&first)))), Settled::Again);
        let other = format!("{}-1", Incarnation::random());
        assert_eq!(fate.settle(&id, Some((8, Some(&other)))), Settled::Fenced);
        assert_eq!(fate.settle(&id, Some((8, None))), Settled::Fenced);
    }

    #[test]
    fn an_older_state_than_what_was_taken_fences_nobody() {
        let mut fate = Fate::new(Incarnation::random());
        let id = fate.next_id();
        fate.stored(8);
        let earlier_life = format!("{}-1", Incarnation::random());
        assert_eq!(
            fate.settle(&id, Some((5, Some(&earlier_life)))),
            Settled::Again
        );
        assert_eq!(fate.expected(), Some(8), "it is not forgotten");
    }

    #[test]
    fn a_stream_that_lacks_what_it_took_is_another_one() {
        let mut fate = Fate::new(Incarnation::random());
        assert!(!fate.is_contradicted(1, None), "nobody has looked yet");
        fate.stored(7);
        assert!(fate.is_contradicted(1, None) && fate.is_contradicted(7, Some(3)));
        assert!(!fate.is_contradicted(1, Some(7)) && !fate.is_contradicted(1, Some(9)));
        assert!(!fate.is_contradicted(8, None), "aged out");
        fate.forget();
        assert_eq!(
            (fate.expected(), fate.is_contradicted(1, None)),
            (None, false)
        );
    }

    #[test]
    fn a_root_whose_blocks_have_aged_out_begins_again() {
        let mut fate = Fate::new(Incarnation::random());
        fate.stored(3);
        let id = fate.next_id();
        assert_eq!(fate.settle(&id, None), Settled::Again);
        assert_eq!(fate.expected(), Some(0));
    }
}
