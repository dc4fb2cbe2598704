//! What is held, for how long, and what a look at the database changes.

use std::time::Duration;

use super::*;

fn ledger() -> Ledger {
    Ledger::new(Limits {
        entries_max: 3,
        bytes_max: 100,
    })
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

#[test]
fn entries_and_bytes_are_bounded() {
    let (mut ledger, now) = (ledger(), Instant::now());
    assert!(!ledger.reserve(&name("ana"), 101, now));
    assert!(ledger.reserve(&name("ana"), 60, now));
    assert!(!ledger.reserve(&name("bo"), 41, now));
    assert!(ledger.reserve(&name("bo"), 40, now));
    ledger.release(&name("ana"), 60);
    assert!(!ledger.holds(&name("ana")));
    assert!(ledger.reserve(&name("bo"), 1, now));
    assert!(ledger.reserve(&name("bo"), 1, now));
    assert!(!ledger.reserve(&name("bo"), 1, now), "three are the most");
    assert_eq!((ledger.entries(), ledger.bytes()), (3, 42));
}

#[test]
fn an_account_is_handed_out_once_and_stays_until_it_is_empty() {
    let (mut ledger, now) = (ledger(), Instant::now());
    assert!(ledger.reserve(&name("ana"), 10, now));
    ledger.came(&name("ana"));
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    assert_eq!(ledger.take_due(now), None);
    // Its only task leaves, and another one comes meanwhile.
    ledger.left(&name("ana"), 10);
    assert!(ledger.holds(&name("ana")), "it is being sent");
    assert!(ledger.reserve(&name("ana"), 10, now));
    ledger.emptied(&name("ana"), now);
    assert!(ledger.holds(&name("ana")), "one is on its way in");
    ledger.came(&name("ana"));
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    ledger.left(&name("ana"), 10);
    ledger.emptied(&name("ana"), now);
    assert!(!ledger.holds(&name("ana")));
    assert_eq!((ledger.entries(), ledger.bytes()), (0, 0));
}

#[test]
fn what_may_be_in_the_database_is_held_until_a_look_has_told() {
    let (mut ledger, now) = (ledger(), Instant::now());
    assert!(ledger.reserve(&name("ana"), 10, now));
    // The connection was lost: nobody knows whether it is in.
    ledger.came(&name("ana"));
    assert!(ledger.holds(&name("ana")));
    // It is asked for again, and it is in.
    assert!(ledger.reserve(&name("ana"), 10, now));
    ledger.again(&name("ana"), 10);
    assert!(ledger.holds(&name("ana")), "it is answered as queued");
    assert_eq!((ledger.entries(), ledger.bytes()), (1, 10));
    ledger.look();
    ledger.seen(&BTreeMap::from([(name("ana"), (1, 10))]), now);
    assert!(ledger.holds(&name("ana")));
    // Or it is not.
    ledger.look();
    ledger.seen(&BTreeMap::new(), now);
    assert!(!ledger.holds(&name("ana")));
    assert_eq!((ledger.entries(), ledger.bytes()), (0, 0));
    assert_eq!(ledger.next_due(), None);
}

#[test]
fn a_row_that_nobody_counted_is_held_once_it_is_known() {
    let (mut ledger, now) = (ledger(), Instant::now());
    assert!(ledger.reserve(&name("ana"), 10, now));
    ledger.again(&name("ana"), 10);
    assert!(ledger.holds(&name("ana")));
    assert_eq!((ledger.entries(), ledger.bytes()), (1, 10));
    assert_eq!(ledger.take_due(now), Some(name("ana")), "and sent");
}

#[test]
fn a_look_says_nothing_of_what_changed_meanwhile() {
    let (mut ledger, now) = (ledger(), Instant::now());
    for account in ["ana", "bo"] {
        assert!(ledger.reserve(&name(account), 10, now));
        ledger.came(&name(account));
    }
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    assert!(ledger.reserve(&name("cy"), 10, now));
    ledger.look();
    ledger.came(&name("cy"));
    // The database was read before cy's task came; ana's is being sent.
    ledger.seen(&BTreeMap::from([(name("bo"), (7, 70))]), now);
    for account in ["ana", "bo", "cy"] {
        assert!(ledger.holds(&name(account)), "{account}");
    }
    assert_eq!(ledger.entries(), 9, "only bo stood still");
}

#[test]
fn what_comes_after_the_sender_has_asked_is_not_forgotten() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.found(&name("ana"), 1, 10, now);
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    ledger.left(&name("ana"), 10);
    // The database says that nothing waits; before that is noted, a task comes.
    assert!(ledger.reserve(&name("ana"), 10, now));
    ledger.came(&name("ana"));
    ledger.emptied(&name("ana"), now);
    assert!(ledger.holds(&name("ana")));
    assert_eq!(ledger.take_due(now), Some(name("ana")));
}

#[test]
fn what_failed_waits_for_its_time_or_for_the_log() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let later = now + Duration::from_secs(9);
    ledger.found(&name("ana"), 2, 20, now);
    ledger.found(&name("ana"), 2, 20, now);
    assert_eq!((ledger.entries(), ledger.bytes()), (2, 20));
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    assert_eq!(ledger.failed(&name("ana")), 1);
    ledger.put_off(&name("ana"), later);
    assert_eq!(ledger.take_due(now), None);
    assert_eq!(ledger.next_due(), Some(later));
    ledger.hurry(now);
    assert_eq!(ledger.take_due(now), Some(name("ana")));
    assert_eq!(ledger.failed(&name("ana")), 1, "the count began anew");
}
