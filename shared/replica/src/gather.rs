//! How long a block waits for the entries that usually travel with it.
//!
//! Every block costs each server a transaction, whatever is in it. Under load
//! the people whose entries were just accounted for come back at once with
//! their next ones: a block that goes a moment before them leaves half of
//! everybody behind, and there are twice as many blocks to apply. So a block
//! that holds clearly fewer entries than are usually on their way waits for the
//! others, but never for long. A lone sender is all there is, and does not wait:
//! but for some blocks after a crowd has left, and while entries of others stay
//! unaccounted for behind a slow server, which count as on their way.
//! Pure: time is passed in.

use std::time::{Duration, Instant};

use yoshi_protocol::limit::BLOCK_ENTRIES_MAX;

/// How long a block waits at most.
const LONGEST: Duration = Duration::from_millis(2);
/// The share of the usual entries that is enough: 4 of 5.
const ENOUGH: (usize, usize) = (4, 5);
/// How fast what is usual is forgotten: by a sixteenth per block, and at least one.
const FORGET: usize = 16;

/// Decides when a block that may go does go.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// The entries of this root that are usually on their way: waiting, in
    /// flight or unaccounted for.
    usual: usize,
    /// While a block is held back: until when.
    until: Option<Instant>,
}

impl Gather {
    /// Whether a block of the `waiting` entries goes now; `unaccounted` more are
    /// on their way. Called while a block may go.
    pub(crate) fn goes(&mut self, waiting: usize, unaccounted: usize, now: Instant) -> bool {
        self.usual = self.usual.max(waiting + unaccounted);
        let enough = (self.usual * ENOUGH.0).min(BLOCK_ENTRIES_MAX * ENOUGH.1);
        let is_enough = waiting * ENOUGH.1 >= enough;
        let until = *self.until.get_or_insert(now + LONGEST);
        if !is_enough && now < until {
            return false;
        }
        self.until = None;
        self.usual -= self.usual.div_ceil(FORGET);
        true
    }

    /// When to ask again, though nothing else happened.
    pub(crate) const fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_sender_never_waits() {
        let mut gather = Gather::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert!(gather.goes(1, 0, now));
            assert_eq!(gather.until(), None);
        }
    }

    #[test]
    fn a_block_waits_for_the_others_of_the_last_round() {
        let mut gather = Gather::default();
        let now = Instant::now();
        assert!(gather.goes(20, 0, now));
        assert!(!gather.goes(10, 10, now), "half of them are missing");
        assert_eq!(gather.until(), Some(now + LONGEST));
        assert!(!gather.goes(15, 5, now + LONGEST / 2));
        assert!(gather.goes(16, 4, now + LONGEST / 2), "enough of them");
        assert_eq!(gather.until(), None);
    }

    #[test]
    fn a_full_block_waits_for_nobody() {
        let mut gather = Gather::default();
        let now = Instant::now();
        assert!(gather.goes(2 * BLOCK_ENTRIES_MAX, 0, now));
        assert!(gather.goes(BLOCK_ENTRIES_MAX, BLOCK_ENTRIES_MAX, now));
        assert!(!gather.goes(BLOCK_ENTRIES_MAX - 1, BLOCK_ENTRIES_MAX, now));
    }

    #[test]
    fn it_never_waits_for_long_nor_for_those_who_left() {
        let mut gather = Gather::default();
        let mut now = Instant::now();
        assert!(gather.goes(1_000, 0, now));
        let mut held = 0;
        for _ in 0..200 {
            if !gather.goes(1, 0, now) {
                held += 1;
                now += LONGEST;
                assert!(gather.goes(1, 0, now), "not longer");
            }
        }
        assert!((1..100).contains(&held), "held {held} times");
    }
}
