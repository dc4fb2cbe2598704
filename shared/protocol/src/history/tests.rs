//! Copies of one history and of two, page by page.

use serde_bytes::ByteBuf;

use super::*;

const END: fn(u64) -> Position = Position::end_of_block;
/// Entries in a page of these tests.
const PAGE: usize = 100;

/// A copy of a log: the sequence of each block, whose it is, and how many entries
/// of it had an effect.
#[derive(Clone)]
struct Log(Vec<(u64, u8, usize)>);

impl Log {
    /// Blocks with one entry each.
    fn of(sequences: impl IntoIterator<Item = u64>, whose: u8) -> Self {
        Self(sequences.into_iter().map(|at| (at, whose, 1)).collect())
    }

    fn then(mut self, sequences: impl IntoIterator<Item = u64>, whose: u8) -> Self {
        self.0.extend(Self::of(sequences, whose).0);
        self
    }

    fn applied(&self) -> Position {
        self.0
            .last()
            .map_or(Position::ZERO, |(last, ..)| END(*last))
    }

    fn page(&self, since: Position) -> LogPage {
        let blocks = self.0.iter().flat_map(|(sequence, whose, count)| {
            (0..*count).map(|index| LogEntry {
                entry: ByteBuf::from(vec![*whose, u8::try_from(index).unwrap()]),
                position: Position::in_block(*sequence, index),
            })
        });
        let after = blocks.filter(|entry| entry.position > since);
        let entries: Vec<_> = after.take(PAGE).collect();
        let more = entries.len() == PAGE;
        let last = entries.last().map_or(since, |entry| entry.position);
        let through = if more { last } else { self.applied() };
        LogPage::new(entries, through, more)
    }
}

/// Looks until it is known; answers how many pages that took, too.
fn compare(one: &Log, other: &Log) -> (Found, usize) {
    let mut comparison = Comparison::up_to(one.applied(), Position::ZERO);
    let mut pages = 0;
    loop {
        let found = match comparison.wanted() {
            None => comparison.compare(),
            Some((side, since)) => {
                pages += 1;
                let log = if side == Side::One { one } else { other };
                comparison.take(side, log.page(since))
            }
        };
        match found {
            Some(Found::Again(since)) => comparison = comparison.again(since),
            Some(found) => return (found, pages),
            None => {}
        }
    }
}

#[test]
fn a_copy_that_is_behind_is_the_beginning_of_the_other() {
    let long = Log::of(1..=900, 1);
    for behind in [1, 5, 255, 256, 257, 899, 900] {
        assert_eq!(
            compare(&Log::of(1..=behind, 1), &long).0,
            Found::Same,
            "{behind}"
        );
    }
    // Blocks without an effect are in no copy, and a recovered log begins late.
    let sparse = Log::of((1..200).map(|at| at * 7), 1).then([90_000, 90_001], 1);
    assert_eq!(
        compare(&sparse, &sparse.clone().then([90_005], 1)).0,
        Found::Same
    );
}

#[test]
fn of_a_long_log_only_the_end_is_read() {
    let long = Log::of(1..=50_000, 1);
    let (found, pages) = compare(&Log::of(1..=49_000, 1), &long);
    assert_eq!(found, Found::Same);
    assert!(pages <= 8, "{pages}");
}

#[test]
fn a_log_that_was_put_back_and_written_on_is_another_history() {
    let shared = Log::of(1..=5, 1);
    let (one, other) = (shared.clone().then(6..=8, 2), shared.then(6..=20, 3));
    assert_eq!(compare(&one, &other).0, Found::Parted(END(5)));
    // However long ago.
    let shared = Log::of(1..=40, 1);
    let (one, other) = (
        shared.clone().then(41..=2_000, 2),
        shared.then(41..=3_000, 3),
    );
    assert_eq!(compare(&one, &other).0, Found::Parted(END(40)));
}

#[test]
fn one_that_lacks_a_block_or_has_one_more_is_another_history() {
    let one = Log::of([1, 2, 4], 1);
    for other in [Log::of([1, 2, 3, 4, 5], 1), Log::of([1, 2, 5], 1)] {
        assert_eq!(
            compare(&one, &other).0,
            Found::Parted(END(if other.0.len() == 5 { 2 } else { 3 }))
        );
    }
    // The same place and another length is another block.
    let mut longer = Log::of([1, 2, 4, 6], 1);
    longer.0[2].2 = 2;
    assert_eq!(compare(&one, &longer).0, Found::Parted(END(3)));
}

/// Roots that did not know the fate of their blocks sent them again: they stand at
/// the same places in both histories, after the blocks that do not.
#[test]
fn blocks_that_were_sent_again_do_not_hide_what_stands_before_them() {
    let shared = Log::of(1..=600, 1);
    let one = shared.clone().then(601..=603, 2).then(604..=610, 9);
    let other = shared.then(601..=603, 3).then(604..=640, 9);
    assert_eq!(compare(&one, &other).0, Found::Parted(END(600)));
}

#[test]
fn where_the_beginning_is_out_of_reach_what_is_left_must_show_something() {
    let one = Log::of([10, 20], 1);
    let mut nothing = Comparison::up_to(END(500), END(400));
    assert_eq!(nothing.wanted(), Some((Side::One, END(400))));
    let page = |through| LogPage::new(Vec::new(), through, false);
    assert_eq!(nothing.take(Side::One, page(END(500))), None);
    assert_eq!(nothing.take(Side::Other, page(END(700))), Some(Found::Same));
    assert!(!nothing.has_seen_blocks());
    let mut some = Comparison::up_to(END(20), END(15));
    assert_eq!(some.take(Side::One, one.page(END(15))), None);
    assert_eq!(some.take(Side::Other, one.page(END(15))), Some(Found::Same));
    assert!(some.has_seen_blocks());
    assert_eq!(whole_after(Role::Ms, END(100_000)), Position::ZERO);
    assert_eq!(whole_after(Role::Rs, END(65_000)), Position::ZERO);
    assert_eq!(whole_after(Role::Rs, END(65_546)), END(10));
}
