//! Whether all entries of a large account are there, counted along a walk over all
//! tasks. Pure.
//!
//! An account's entries are numbered without gaps, so there are as many as the
//! highest number says. To count them at once would be to read all of them: each
//! step of the walk counts those that belong to its tasks, up to the position at
//! which the walk began.

use std::collections::HashMap;

use yoshi_protocol::Position;

use crate::store::compare::{Counted, FEW_ENTRIES};

/// Large accounts that one walk counts; those that it meets later are left out.
const ACCOUNTS_MAX: usize = 100_000;

/// What one walk has counted so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Up to which position; none before a walk has begun.
    through: Option<Position>,
    accounts: HashMap<String, Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    entries: i64,
    highest: i64,
}

impl Tally {
    /// Up to which position the next step is to count; none if the walk was not
    /// counted from its beginning.
    #[must_use]
    pub fn through(&self) -> Option<Position> {
        self.through
    }

    /// Takes a step of the walk, once it is gone. Answers what is wrong, if the
    /// walk has come to its end and an account lacks entries, or has too many.
    pub fn take(&mut self, counted: Counted) -> Option<String> {
        if counted.begins {
            self.accounts.clear();
            self.through = Some(counted.through);
        }
        for account in counted.accounts {
            let is_full = self.accounts.len() >= ACCOUNTS_MAX;
            if is_full && !self.accounts.contains_key(&account.name) {
                continue;
            }
            let seen = self.accounts.entry(account.name).or_default();
            seen.entries += account.entries;
            seen.highest = seen.highest.max(account.highest);
        }
        if !counted.ends {
            return None;
        }
        self.through = None;
        let accounts = std::mem::take(&mut self.accounts);
        let mut flaws: Vec<_> = accounts.iter().filter_map(flaw).collect();
        flaws.sort_unstable();
        flaws.into_iter().next()
    }
}

/// An account that was not large yet where the walk began, but became so
/// meanwhile, was counted in part: that says nothing.
fn flaw((name, seen): (&String, &Seen)) -> Option<String> {
    let Seen { entries, highest } = seen;
    (*highest > FEW_ENTRIES && entries != highest)
        .then(|| format!("account {name:?}: {entries} of its first {highest} entries are there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::compare::CountedAccount;

    const LARGE: i64 = FEW_ENTRIES + 1;

    fn step(begins: bool, ends: bool, accounts: &[(&str, i64, i64)]) -> Counted {
        let account = |(name, entries, highest): &(&str, i64, i64)| CountedAccount {
            name: (*name).to_owned(),
            entries: *entries,
            highest: *highest,
        };
        Counted {
            through: Position(9),
            begins,
            ends,
            accounts: accounts.iter().map(account).collect(),
        }
    }

    #[test]
    fn the_parts_of_a_walk_make_up_a_whole() {
        let mut tally = Tally::default();
        assert_eq!(tally.through(), None);
        let first = step(true, false, &[("ana", 1_000, 1_001), ("ben", 7, 5_000)]);
        assert_eq!(tally.take(first), None);
        assert_eq!(tally.through(), Some(Position(9)));
        let middle = step(false, false, &[("ana", 1, 4), ("ben", 4_993, 4_999)]);
        assert_eq!(tally.take(middle), None);
        assert_eq!(tally.take(step(false, true, &[])), None);
        assert_eq!(tally.through(), None, "the next walk counts anew");
    }

    #[test]
    fn a_missing_or_doubled_entry_is_found_at_the_end() {
        for entries in [LARGE - 1, LARGE + 1] {
            let mut tally = Tally::default();
            let only = step(
                true,
                false,
                &[("ana", entries, LARGE), ("ben", LARGE, LARGE)],
            );
            assert_eq!(tally.take(only), None);
            let flaw = tally.take(step(false, true, &[])).unwrap();
            assert!(flaw.contains("\"ana\"") && flaw.contains(&entries.to_string()));
        }
    }

    #[test]
    fn who_becomes_large_on_the_way_is_not_judged() {
        let mut tally = Tally::default();
        tally.take(step(true, false, &[]));
        tally.take(step(false, false, &[("ana", 3, FEW_ENTRIES)]));
        assert_eq!(tally.take(step(false, true, &[])), None);
    }

    #[test]
    fn a_walk_that_begins_again_counts_again() {
        let mut tally = Tally::default();
        tally.take(step(true, false, &[("ana", 9, LARGE)]));
        tally.take(step(true, false, &[("ana", LARGE, LARGE)]));
        assert_eq!(tally.take(step(false, true, &[])), None);
    }

    #[test]
    fn what_does_not_fit_is_left_out_as_a_whole() {
        let mut tally = Tally::default();
        let names: Vec<_> = (0..ACCOUNTS_MAX).map(|number| number.to_string()).collect();
        let all: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), LARGE, LARGE))
            .collect();
        tally.take(step(true, false, &all));
        tally.take(step(false, false, &[("one more", 1, LARGE)]));
        assert_eq!(tally.accounts.len(), ACCOUNTS_MAX);
        assert_eq!(tally.take(step(false, true, &[])), None);
    }
}
