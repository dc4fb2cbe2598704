//! Histories that break a promise about changes of tasks.

use std::time::Duration;

use super::{Good, accounted, record, row, send};
use crate::checker::Harm;
use crate::fault::Side;
use crate::history::{Call, Outcome, Record};
use crate::rest::ChangeRow;

const NAMES: [&str; 3] = ["ms1", "ms2", "ms3"];

fn change(id: &str, task: &str) -> Call {
    Call::Change {
        account: "ana".into(),
        task: task.into(),
        id: id.into(),
        what: "Accept".into(),
    }
}

fn changed(number: u64) -> Outcome {
    Outcome::Changed {
        number,
        position: number * 1_024,
        hash: format!("hash {number}"),
    }
}

fn refused(code: &str) -> Outcome {
    Outcome::Fail { code: code.into() }
}

fn change_row(id: &str, task: &str, number: u64) -> ChangeRow {
    ChangeRow {
        id: id.into(),
        task: task.into(),
        account: "ana".into(),
        what: "Accept".into(),
        number,
        position: number * 1_024,
        epoch: 7,
        hash: format!("hash {number}"),
    }
}

/// Where the records of these changes begin.
const FIRST: usize = 8;

/// After the good history: two changes, the first of them twice, one that was
/// refused, and a task between the two, in a list that nobody reads.
fn with_changes(good: &mut Good) {
    let unknown = Outcome::Unknown {
        reason: String::new(),
    };
    good.records.extend([
        record(10, change("x1", "p1"), unknown),
        record(11, change("x1", "p1"), changed(3)),
        record(12, send("p5", &["ana"]), accounted(4)),
        record(13, change("x2", "p5"), changed(5)),
        record(14, change("x1", "p1"), changed(3)),
        record(15, change("x3", "p5"), refused("not_allowed")),
    ]);
    for name in NAMES {
        let server = good.server(name);
        server.tasks.push(row("p5", 4));
        server.changes = vec![change_row("x1", "p1", 3), change_row("x2", "p5", 5)];
    }
    for sequence in 3..=5 {
        good.rest.roots.insert(sequence, "root".into());
    }
}

/// What the checker finds when a good history with changes was spoiled.
fn spoiled(spoil: impl FnOnce(&mut Good)) -> Vec<(&'static str, Harm)> {
    super::spoiled(|good| {
        with_changes(good);
        spoil(good);
    })
}

fn finds(invariant: &'static str, harm: Harm, spoil: impl FnOnce(&mut Good)) {
    let found = spoiled(spoil);
    assert!(found.contains(&(invariant, harm)), "{invariant}: {found:?}");
}

fn changes<'a>(good: &'a mut Good, name: &str) -> &'a mut Vec<ChangeRow> {
    &mut good.server(name).changes
}

#[test]
fn a_good_history_with_changes_passes() {
    assert_eq!(spoiled(|_| {}), []);
    // What may have happened may be there, or not.
    let unclear = |good: &mut Good| good.records[FIRST + 3].outcome = Outcome::Pending;
    assert_eq!(spoiled(unclear), []);
    let absent = spoiled(|good| {
        unclear(good);
        for name in NAMES {
            changes(good, name).pop();
        }
    });
    assert_eq!(absent, []);
}

#[test]
fn i1_a_lost_change() {
    finds("I1", Harm::Lost, |good| drop(changes(good, "ms2").pop()));
    // On all servers: with the last one nothing else is wrong.
    let everywhere = spoiled(|good| {
        for name in NAMES {
            changes(good, name).pop();
        }
    });
    assert_eq!(everywhere, [("I1", Harm::Lost); 3]);
}

#[test]
fn i1_a_lost_task_that_only_its_row_shows() {
    finds("I1", Harm::Lost, |good| {
        drop(good.server("ms3").tasks.pop())
    });
}

#[test]
fn i2_an_invented_task_that_only_its_row_shows() {
    finds("I2", Harm::Other, |good| {
        good.server("ms3").tasks.push(row("p6", 6));
    });
    finds("I2", Harm::Other, |good| {
        good.server("ms3").tasks[2].sender = "bo".into();
    });
    finds("I2", Harm::Other, |good| {
        good.records[FIRST + 2].outcome = refused("busy");
    });
}

#[test]
fn i2_an_invented_change() {
    for id in ["x3", "x4"] {
        finds("I2", Harm::Other, |good| {
            changes(good, "ms1").push(change_row(id, "p5", 6));
        });
    }
    let others: [fn(&mut ChangeRow); 3] = [
        |row| row.task = "p2".into(),
        |row| row.account = "bo".into(),
        |row| row.what = "Start".into(),
    ];
    for other in others {
        finds("I2", Harm::Other, |good| {
            other(&mut changes(good, "ms1")[0])
        });
    }
}

#[test]
fn i3_a_doubled_change() {
    finds("I3", Harm::Doubled, |good| {
        changes(good, "ms1").push(change_row("x1", "p1", 6));
    });
    finds("I3", Harm::Doubled, |good| {
        good.records[FIRST + 4].outcome = changed(6);
    });
}

#[test]
fn i4_numbers_over_tasks_and_changes() {
    // Each table alone would pass with these.
    finds("I4", Harm::Reordered, |good| {
        for name in NAMES {
            good.server(name).tasks.retain(|row| row.number < 4);
        }
    });
    finds("I4", Harm::Reordered, |good| {
        for name in NAMES {
            changes(good, name).remove(0);
        }
    });
    finds("I4", Harm::Reordered, |good| {
        changes(good, "ms2")[1].number = 6;
    });
}

#[test]
fn i4_a_change_elsewhere_than_its_receipt_says_or_than_on_others() {
    for name in NAMES {
        finds("I4", Harm::Reordered, |good| {
            changes(good, name)[0].hash = "another".into();
        });
    }
    // Nobody has a receipt of it: one server has it, and the others do not.
    let alone = spoiled(|good| {
        good.records[FIRST + 3].outcome = Outcome::Pending;
        changes(good, "ms3").pop();
    });
    assert_eq!(alone, [("I4", Harm::Reordered)]);
}

#[test]
fn i5_a_later_one_before_an_earlier_one() {
    let moved = |records: &mut [Record], at: usize, to: u64| {
        records[at].invoked = Duration::from_secs(to);
        records[at].ended = Duration::from_secs(to) + Duration::from_millis(500);
    };
    // The second change was accounted for before the task was asked that stands before it.
    finds("I5", Harm::Reordered, |good| {
        moved(&mut good.records, FIRST + 2, 20);
    });
    // So was that task before the first change, which stands before it.
    finds("I5", Harm::Reordered, |good| {
        for at in [FIRST, FIRST + 1, FIRST + 4] {
            moved(&mut good.records, at, 20);
        }
    });
    // And one change before another.
    finds("I5", Harm::Reordered, |good| {
        good.records[FIRST + 2].outcome = Outcome::Pending;
        moved(&mut good.records, FIRST + 3, 9);
    });
}

#[test]
fn i7_a_task_that_was_accounted_for_is_not_found() {
    finds("I7", Harm::Lost, |good| {
        good.records[FIRST + 5].outcome = refused("not_found");
    });
    let early = spoiled(|good| {
        let early = record(0, change("x3", "p5"), refused("not_found"));
        good.records[FIRST + 5] = early;
    });
    assert_eq!(early, []);
}

#[test]
fn i11_two_homes_of_one_that_changes() {
    finds("I11", Harm::Other, |good| {
        good.rest.roots.insert(5, "another".into());
    });
    finds("I11", Harm::Other, |good| {
        for name in NAMES {
            changes(good, name)[1].epoch = 6;
        }
    });
}

#[test]
fn a_change_on_a_side_without_a_quorum() {
    let side = |good: &mut Good, from| {
        good.rest.sides.push(Side {
            from,
            until: Duration::from_secs(60),
            processes: vec![1],
        });
    };
    finds("I1", Harm::Other, |good| {
        side(good, Duration::from_secs(13))
    });
    // The same change again, which that server knows: its first try was before.
    let known = spoiled(|good| side(good, Duration::from_millis(13_900)));
    assert_eq!(known, []);
}
