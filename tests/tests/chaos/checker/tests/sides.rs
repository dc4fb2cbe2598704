//! Workers on a side without a quorum.

use std::time::Duration;

use super::{Good, accounted, finds, queued, row, seen, send, spoiled};
use crate::checker::Harm;
use crate::fault::Side;

/// From the first send on, all of it.
fn side(good: &mut Good, process: u32) {
    good.rest.sides.push(Side {
        from: Duration::from_millis(900),
        until: Duration::from_secs(60),
        processes: vec![process],
    });
}

#[test]
fn a_success_on_a_side_without_a_quorum() {
    finds("I1", Harm::Other, |good| side(good, 1));
    assert_eq!(spoiled(|good| side(good, 2)), [], "it was another worker");
    let later = spoiled(|good| {
        side(good, 1);
        good.rest.sides[0].from = Duration::from_secs(30);
    });
    assert_eq!(later, [], "it was before");
    // The same task again, which that server knows: its first try was before.
    let known = spoiled(|good| {
        side(good, 1);
        good.rest.sides[0].from = Duration::from_millis(3_900);
    });
    assert_eq!(known, []);
}

/// Two tasks that were queued one after the other, which have these numbers later.
fn queued_twice(good: &mut Good, numbers: [u64; 2]) {
    side(good, 1);
    good.rest.sides[0].from = Duration::from_secs(20);
    for (second, payload, number) in [(21, "p8", numbers[0]), (22, "p9", numbers[1])] {
        let queued = super::record(second, send(payload, &["cy"]), queued());
        good.records.push(queued);
        for name in ["ms1", "ms2", "ms3"] {
            let tasks = &mut good.server(name).tasks;
            tasks.push(row(payload, number));
            tasks.sort_by_key(|row| row.position);
            let list = good.inbox(name, "cy");
            list.push(seen(payload, number, &["cy"]));
            list.sort_by_key(|seen| seen.position);
        }
    }
}

#[test]
fn what_was_queued_goes_in_in_its_order() {
    assert_eq!(spoiled(|good| queued_twice(good, [3, 4])), []);
    finds("I5", Harm::Reordered, |good| queued_twice(good, [4, 3]));
    // One that was sent again may have overtaken the other.
    let again = spoiled(|good| {
        queued_twice(good, [4, 3]);
        let again = super::record(70, send("p9", &["cy"]), accounted(3));
        good.records.push(again);
    });
    assert!(!again.contains(&("I5", Harm::Reordered)), "{again:?}");
    // So may one with a try that had no answer.
    let late = spoiled(|good| {
        queued_twice(good, [4, 3]);
        let last = good.records.last_mut().unwrap();
        last.ended = last.invoked + Duration::from_secs(3);
    });
    assert_eq!(late, []);
}
